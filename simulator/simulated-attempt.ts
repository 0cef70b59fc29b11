// One attempt on a simulated engine: chunks of the prompt, then tokens, each after the time that it takes.
import type { Attempt, AttemptFrame, FinishReason, GenerationFailure } from "@pomona/shared/core/generation";
import { advance, answerLength, nextToken, poisonToken, sequenceState, textOf } from "./reference-model.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const chunkLength = 64;
/** How much longer a step takes for each other busy slot (scheduling study: A = 0.3). */
const stepShareOfNeighbour = 0.3;

export type AttemptSurroundings = {
  readonly node: SimulatedNode;
  /** Busy slots of the replica, this one included. */
  readonly slotsBusy: () => number;
  readonly send: (frame: AttemptFrame) => void;
  /** The slot is free. */
  readonly ended: () => void;
  /** The prompt kills the engine. */
  readonly poisoned: () => void;
};

export class SimulatedAttempt {
  readonly attempt: Attempt;
  readonly #surroundings: AttemptSurroundings;
  #evaluated = 0;
  #emitted: number;
  #sequence: number;
  #isCancelled = false;
  #isEnded = false;

  constructor(attempt: Attempt, surroundings: AttemptSurroundings) {
    this.attempt = attempt;
    this.#surroundings = surroundings;
    this.#emitted = attempt.emittedTokenIds.length;
    this.#sequence = sequenceState(attempt.promptTokenIds, attempt.emittedTokenIds);
  }

  begin(): void {
    const promptTokens = this.attempt.promptTokenIds.length;
    this.#surroundings.send({ kind: "accepted", slot: 0, cachedPromptTokens: 0, cachedChunkLengths: [], promptTokens });
    this.#schedule();
  }

  /** Ends after the step that is under way. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** The process is gone: nothing more is sent. */
  abandon(): void {
    this.#isEnded = true;
  }

  fail(failure: GenerationFailure): void {
    this.#end("failed", failure);
  }

  get #tokensToEvaluate(): number {
    return this.attempt.promptTokenIds.length + this.attempt.emittedTokenIds.length;
  }

  #schedule(): void {
    const { node, slotsBusy } = this.#surroundings;
    const { prefillTokensPerSecond, decodeTokensPerSecond } = node.machine;
    const left = this.#tokensToEvaluate - this.#evaluated;
    const alone = left > 0 ? Math.min(left, chunkLength) / prefillTokensPerSecond : 1 / decodeTokensPerSecond;
    const stepMs = 1000 * alone * (1 + stepShareOfNeighbour * (slotsBusy() - 1));
    node.surroundings.time.after(stepMs * node.surroundings.random.between(0.9, 1.1), () => this.#step());
  }

  #step(): void {
    const { node } = this.#surroundings;
    if (this.#isEnded) return;
    if (node.isPaused) {
      node.surroundings.time.after(node.pausedForMs, () => this.#step());
      return;
    }
    if (this.#isCancelled) {
      this.#end("cancelled", null);
      return;
    }
    const left = this.#tokensToEvaluate - this.#evaluated;
    if (left > 0) this.#evaluate(Math.min(left, chunkLength));
    else this.#decode();
    if (!this.#isEnded) this.#schedule();
  }

  #evaluate(tokens: number): void {
    this.#evaluated += tokens;
    if (this.attempt.promptTokenIds.includes(poisonToken)) {
      this.#surroundings.poisoned();
      return;
    }
    const { length } = this.attempt.promptTokenIds;
    const evaluatedTokens = Math.min(this.#evaluated, length);
    this.#surroundings.send({ kind: "prefill", evaluatedTokens, totalTokens: length, chunkLength: tokens });
  }

  #decode(): void {
    const { planned, random, onFault } = this.#surroundings.node.surroundings;
    const left = Math.min(this.attempt.decoding.maxTokens, answerLength(this.attempt.promptTokenIds)) - this.#emitted;
    const firstIndex = this.#emitted;
    const ids: number[] = [];
    for (let count = Math.min(left, random.integer(1, 2)); count > 0; count -= 1) {
      const id = nextToken(this.#sequence);
      ids.push(id);
      this.#sequence = advance(this.#sequence, id);
    }
    this.#emitted += ids.length;
    if (planned.loseTokens > 0 && ids.length > 0) {
      planned.loseTokens -= 1;
      onFault("loseTokens");
    } else if (ids.length > 0)
      this.#surroundings.send({ kind: "tokens", firstIndex, ids, texts: ids.map(textOf), logprobs: null });
    if (this.#emitted >= this.attempt.decoding.maxTokens) this.#end("length", null);
    else if (this.#emitted >= answerLength(this.attempt.promptTokenIds)) this.#end("stop", null);
  }

  #end(reason: FinishReason, failure: GenerationFailure | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#surroundings.ended();
    const usage = {
      promptTokens: this.attempt.promptTokenIds.length,
      cachedPromptTokens: 0,
      generatedTokens: this.#emitted,
    };
    const timings = { queueMs: 0, prefillMs: 1, decodeMs: 1 };
    this.#surroundings.send({ kind: "ending", ending: { reason, failure, usage, timings } });
  }
}
