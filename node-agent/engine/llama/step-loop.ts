// The replica's one loop: each step decodes every running slot together and evaluates one prefill chunk of a waiting one.
import type { Attempt, AttemptFrame, FinishReason, GenerationFailure } from "@pomona/shared/core/generation";
import type { LlamaModel, Token } from "node-llama-cpp";
import type { Batching } from "./batching.ts";
import { Generation, type Slot } from "./generation.ts";
import { TokenBytes } from "./token-bytes.ts";

export type StepLoopParts = {
  readonly model: LlamaModel;
  readonly slots: readonly Slot[];
  readonly batching: Batching;
  readonly contextLength: number;
  readonly onFrame: (attempt: Attempt, frame: AttemptFrame) => void;
};

export class StepLoop {
  readonly #parts: StepLoopParts;
  readonly #bytes: TokenBytes;
  readonly #running: Generation[] = [];
  /** Running ones whose slot has not been made ready yet. */
  readonly #accepting: Generation[] = [];
  #isLooping = false;

  constructor(parts: StepLoopParts) {
    this.#parts = parts;
    this.#bytes = new TokenBytes(parts.model);
  }

  /** Takes an attempt in. The parent sends no more than there are slots; one too many waits for the next free slot. */
  start(attempt: Attempt): void {
    const slot = this.#chooseSlot([...attempt.promptTokenIds, ...attempt.emittedTokenIds]);
    if (slot === null) {
      setImmediate(() => this.start(attempt));
      return;
    }
    const { model, contextLength, onFrame } = this.#parts;
    const generation = new Generation({
      attempt,
      slot,
      model,
      bytes: this.#bytes,
      contextLength,
      onFrame: (frame) => onFrame(attempt, frame),
    });
    this.#accepting.push(generation);
    this.#running.push(generation);
    if (!this.#isLooping) void this.#loop();
  }

  cancel(requestId: string, epoch: number): void {
    for (const generation of this.#running) {
      const { attempt } = generation;
      if (attempt.requestId === requestId && attempt.epoch === epoch) generation.isCancelled = true;
    }
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    while (this.#running.length > 0) await this.#step();
    this.#isLooping = false;
  }

  async #step(): Promise<void> {
    for (const generation of this.#running.filter(({ isCancelled }) => isCancelled)) {
      await this.#end(generation, { reason: "cancelled", failure: null });
    }
    for (const generation of this.#accepting.splice(0)) {
      if (this.#running.includes(generation)) await this.#guard(generation, () => generation.accept());
    }
    // An attempt that came in while others were accepted waits for the next step: its slot still holds an old prompt.
    const ready = this.#running.filter((generation) => !this.#accepting.includes(generation));
    const decoding = ready.filter(({ isDecoding }) => isDecoding).sort((a, b) => a.slot.id - b.slot.id);
    const prefilling = ready.find(({ isDecoding }) => !isDecoding);
    this.#parts.batching.expected = decoding.length + (prefilling === undefined ? 0 : 1);
    await Promise.all([
      ...decoding.map((generation) => this.#guard(generation, () => this.#decode(generation))),
      ...(prefilling === undefined ? [] : [this.#guard(prefilling, () => prefilling.prefill())]),
    ]);
    // Messages from the parent are read between two steps: that is how a cancel gets in.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #decode(generation: Generation): Promise<void> {
    const outcome = await generation.decode();
    if (outcome.kind === "ended") await this.#end(generation, { reason: outcome.reason, failure: null });
  }

  /** A fault of one generation ends that one. */
  async #guard(generation: Generation, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const failure = { code: "internal", message: `the engine failed: ${message}`, isRetryable: false } as const;
      await this.#end(generation, { reason: "failed", failure });
      // What a failed evaluation left in the slot is not to be built upon.
      await generation.slot.sequence.clearHistory();
    }
  }

  async #end(
    generation: Generation,
    { reason, failure }: { readonly reason: FinishReason; readonly failure: GenerationFailure | null },
  ): Promise<void> {
    const index = this.#running.indexOf(generation);
    if (index < 0) return;
    await generation.end(reason, failure);
    this.#running.splice(index, 1);
  }

  /** The free slot that holds the longest beginning of the prompt; among equals the lowest, which keeps ids consecutive. */
  #chooseSlot(tokenIds: readonly number[]): Slot | null {
    const busy = new Set(this.#running.map(({ slot }) => slot));
    let best: { readonly slot: Slot; readonly common: number } | null = null;
    for (const slot of this.#parts.slots) {
      if (busy.has(slot)) continue;
      const common = commonPrefix(slot.sequence.contextTokens, tokenIds);
      if (best === null || common > best.common) best = { slot, common };
    }
    return best?.slot ?? null;
  }
}

function commonPrefix(held: readonly Token[], wanted: readonly number[]): number {
  const length = Math.min(held.length, wanted.length);
  let common = 0;
  while (common < length && held[common] === wanted[common]) common += 1;
  return common;
}
