// The replica's one loop. Each step decodes every running slot together, then evaluates prompts up to one chunk; between
// two steps cancels are read. Prompts are evaluated by themselves: the shape of a batch that others were in cannot be had
// again when a request goes on elsewhere.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { type Attempt, type AttemptFrame, failureOf } from "@pomona/shared/core/generation";
import { BatchWidths } from "../../core/batch-widths.ts";
import { ChunkSize } from "../../core/chunk-size.ts";
import { LoggedChunkSize } from "../../core/logged-chunk-size.ts";
import type { SpeedLearner } from "../../core/speed-learner.ts";
import { wantedOf } from "../../core/state-index.ts";
import { failedEnding } from "../failed-ending.ts";
import { evaluate } from "./batch.ts";
import { Generation } from "./generation.ts";
import type { NativeContext } from "./native.ts";
import type { PromptReader } from "./prompt-reader.ts";
import type { Slot } from "./slot.ts";
import type { SlotPreparation } from "./slot-preparation.ts";
import type { TokenSampler } from "./token-sampler.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type StepLoopParts = {
  readonly context: NativeContext;
  readonly slotCount: number;
  readonly preparation: SlotPreparation;
  /** Learns from every step; null when nobody asks how fast it is. */
  readonly learner: SpeedLearner | null;
  readonly vocabulary: Vocabulary;
  readonly contextLength: number;
  /** Prompt tokens of one step. */
  readonly chunkLength: number;
  /** @throws PomonaError `invalid_request` for a grammar that cannot be used. */
  readonly createSampler: (attempt: Attempt) => Promise<TokenSampler>;
  readonly createPromptReader: () => PromptReader;
  readonly onFrame: (attempt: Attempt, frame: AttemptFrame) => void;
  /** After each step: what the slots hold may have changed. */
  readonly onStep: () => void;
};

export class StepLoop {
  readonly #parts: StepLoopParts;
  readonly #chunkSize: ChunkSize;
  readonly #loggedChunkSize: LoggedChunkSize;
  readonly #batchWidths = new BatchWidths();
  readonly #arrived: Attempt[] = [];
  /** In the order of their arrival. */
  #running: Generation[] = [];
  readonly #cancelled = new Set<string>();
  readonly #betweenSteps: (() => Promise<void>)[] = [];
  #isLooping = false;
  #isStopping = false;

  constructor(parts: StepLoopParts) {
    this.#parts = parts;
    this.#chunkSize = new ChunkSize(parts.chunkLength);
    this.#loggedChunkSize = new LoggedChunkSize(parts.vocabulary.size);
  }

  /** Takes an attempt in. The parent sends no more than there are slots; one too many waits for the next free slot. */
  start(attempt: Attempt): void {
    this.#arrived.push(attempt);
    if (!this.#isLooping && !this.#isStopping) void this.#loop();
  }

  /** Runs work of its own while nothing else is evaluated; one piece a step. */
  between<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#betweenSteps.push(() => work().then(resolve, reject));
      if (!this.#isLooping && !this.#isStopping) void this.#loop();
    });
  }

  /** Resolves between two steps; nothing is evaluated after that. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    while (this.#isLooping) await new Promise((resolve) => setImmediate(resolve));
  }

  cancel(requestId: string, epoch: number): void {
    if (this.#isLooping) this.#cancelled.add(keyOf({ requestId, epoch }));
  }

  /** Runs work on the slot of an attempt whose prompt is evaluated. @throws PomonaError `not_found`, `failed_precondition`. */
  onSlot<Result>(requestId: string, epoch: number, work: (slot: Slot) => Promise<Result>): Promise<Result> {
    return this.between(async () => {
      const key = keyOf({ requestId, epoch });
      const generation = this.#running.find(({ attempt, isEnded }) => !isEnded && keyOf(attempt) === key);
      if (generation === undefined) throw new PomonaError("not_found", `request ${key} does not run here`);
      if (generation.isDecoding) return await work(generation.slot);
      throw new PomonaError("failed_precondition", `the prompt of request ${key} is being evaluated`);
    });
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    const hasWork = (): boolean => this.#running.length + this.#arrived.length + this.#betweenSteps.length > 0;
    while (!this.#isStopping && hasWork()) await this.#step();
    this.#isLooping = false;
    this.#cancelled.clear();
  }

  async #step(): Promise<void> {
    await this.#acceptArrived();
    this.#endCancelled();
    await this.#prepare();
    await this.#decode();
    await this.#prefill();
    await this.#betweenSteps.shift()?.();
    this.#running = this.#running.filter(({ isEnded }) => !isEnded);
    this.#parts.onStep();
    // Messages from the parent are read between two steps: that is how a cancel gets in.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #acceptArrived(): Promise<void> {
    while (this.#arrived.length > 0 && this.#running.length < this.#parts.slotCount) {
      const attempt = this.#arrived.shift();
      if (attempt !== undefined) await this.#accept(attempt);
    }
  }

  async #accept(attempt: Attempt): Promise<void> {
    const { vocabulary, contextLength, onFrame, createSampler } = this.#parts;
    const send = (frame: AttemptFrame): void => onFrame(attempt, frame);
    const sampler = await createSampler(attempt).catch((error: unknown) => toPomonaError(error));
    if (sampler instanceof Error) {
      send({ kind: "ending", ending: failedEnding(attempt, failureOf(sampler)) });
      return;
    }
    const slot = this.#parts.preparation.choose(
      wantedOf(attempt),
      new Set(this.#running.map((generation) => generation.slot)),
    );
    const promptReader = attempt.decoding.logsPrompt ? this.#parts.createPromptReader() : null;
    const parts = { attempt, slot, sampler, promptReader, vocabulary, contextLength, onFrame: send };
    this.#running.push(new Generation(parts));
  }

  async #prepare(): Promise<void> {
    for (const generation of this.#running) {
      if (generation.isPrepared) continue;
      const prepared = await this.#parts.preparation.prepare(generation, this.#running);
      if (prepared !== null) generation.prepared(prepared.checkpoint);
    }
  }

  #endCancelled(): void {
    if (this.#cancelled.size === 0) return;
    for (const generation of this.#running) {
      if (this.#cancelled.has(keyOf(generation.attempt))) generation.end("cancelled", null);
    }
    this.#running = this.#running.filter(({ isEnded }) => !isEnded);
    const arrived = new Set(this.#arrived.map(keyOf));
    for (const key of this.#cancelled) if (!arrived.has(key)) this.#cancelled.delete(key);
  }

  async #decode(): Promise<void> {
    const decoding = this.#running.filter(({ isDecoding }) => isDecoding).sort((a, b) => a.slot.id - b.slot.id);
    if (decoding.length === 0) return;
    const contextTokens = decoding.reduce((sum, { slot }) => sum + slot.length, 0);
    const beganAtMs = performance.now();
    let first = 0;
    for (const width of this.#batchWidths.plan(decoding.length)) {
      const startedAtMs = performance.now();
      await this.#evaluate(decoding.slice(first, first + width), 1);
      this.#batchWidths.observe(width, performance.now() - startedAtMs);
      first += width;
    }
    // A step that failed was fast, and says nothing.
    if (decoding.some(({ hasFailed }) => hasFailed)) return;
    this.#parts.learner?.decoded(decoding.length, contextTokens, (performance.now() - beganAtMs) / 1000);
  }

  /** One prompt after another until the step's share of tokens is used up. The first that came is the first. */
  async #prefill(): Promise<void> {
    const isOtherRunning = this.#running.some(({ isDecoding }) => isDecoding);
    let left = this.#chunkSize.next(isOtherRunning);
    for (const generation of this.#running) {
      while (left > 0 && generation.isPrefilling && !generation.isLoggingPrompt)
        left -= await this.#evaluate([generation], left);
    }
    // A look at all logits takes long: one such chunk a step, and nobody else's prompt waits for more.
    const logging = this.#running.find(({ isPrefilling, isLoggingPrompt }) => isPrefilling && isLoggingPrompt);
    const isAlone = this.#running.length === 1;
    if (logging !== undefined) await this.#evaluate([logging], this.#loggedChunkSize.next(!isAlone));
  }

  /** Evaluates the next chunk of each, and chooses tokens where a prompt is complete. Returns the tokens evaluated. */
  async #evaluate(generations: readonly Generation[], lengthMax: number): Promise<number> {
    const entries = generations.map((generation) => ({ slot: generation.slot, ...generation.nextChunk(lengthMax) }));
    const lengthBefore = generations[0]?.slot.length ?? 0;
    const startedAtMs = performance.now();
    const logitIndexes = await evaluate(this.#parts.context, entries).catch(engineFailure);
    if (!Array.isArray(logitIndexes)) {
      for (const generation of generations) generation.fail(logitIndexes);
      return lengthMax;
    }
    const durationMs = performance.now() - startedAtMs;
    // The logits stay until the next batch; samplers do not share anything, and take a thread each.
    await Promise.all(
      generations.map(async (generation, index) => {
        const { tokenIds = [], isLast = false, logitPlaces = [] } = entries[index] ?? {};
        const indexes = logitIndexes[index] ?? new Uint32Array(0);
        const { length } = tokenIds;
        const hasLooks = logitPlaces.length > 1;
        if (length > 1) {
          // Chunks that are small for another reason say little of the engine's speed.
          if (!hasLooks) this.#learn(length, lengthBefore, durationMs);
          generation.evaluated(length);
        }
        await generation.readPrompt(indexes);
        if (hasLooks) this.#loggedChunkSize.observe(length, performance.now() - startedAtMs);
        const logitIndex = isLast ? indexes.at(-1) : undefined;
        if (logitIndex !== undefined) await generation.choose(logitIndex);
        else if (generation.isDecoding) await generation.slot.remember();
      }),
    );
    return entries.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
  }

  #learn(length: number, lengthBefore: number, durationMs: number): void {
    this.#chunkSize.observe(length, durationMs);
    this.#parts.learner?.evaluated(length, lengthBefore, durationMs / 1000);
  }
}

function engineFailure(error: unknown): PomonaError {
  const message = error instanceof Error ? error.message : String(error);
  return new PomonaError("internal", `the engine failed: ${message}`);
}

function keyOf({ requestId, epoch }: { readonly requestId: string; readonly epoch: number }): string {
  return `${requestId}/${epoch}`;
}
