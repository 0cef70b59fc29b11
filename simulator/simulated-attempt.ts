// One attempt on a simulated engine, as its client's ledger expects it: the engine model says when, this says what.

import type { Attempt, AttemptFrame, FinishReason, GenerationFailure } from "@pomona/shared/core/generation";
import { prefixHashes } from "@pomona/shared/core/prefix-hash";
import type { EngineJob, ReplicaEngine, Running } from "./engine/replica-engine.ts";
import { advance, answerLength, nextToken, poisonToken, sequenceState, textOf } from "./reference-model.ts";
import type { SimulatedNode } from "./simulated-node.ts";

export type AttemptSurroundings = {
  readonly node: SimulatedNode;
  readonly engine: ReplicaEngine;
  readonly send: (frame: AttemptFrame) => void;
  /** The slot is free. */
  readonly ended: () => void;
  /** The prompt kills the engine. */
  readonly poisoned: () => void;
};

export class SimulatedAttempt {
  readonly attempt: Attempt;
  readonly #surroundings: AttemptSurroundings;
  readonly #length: number;
  /** Tokens that are sent together with the next one. */
  readonly #unsent: number[] = [];
  #running: Running | null = null;
  #emitted: number;
  #sequence: number;
  #cachedPromptTokens = 0;
  #isCancelled = false;
  #isEnded = false;

  constructor(attempt: Attempt, surroundings: AttemptSurroundings) {
    const { promptTokenIds, emittedTokenIds, decoding } = attempt;
    this.attempt = attempt;
    this.#surroundings = surroundings;
    this.#emitted = emittedTokenIds.length;
    this.#sequence = sequenceState(promptTokenIds, emittedTokenIds);
    this.#length = Math.min(decoding.maxTokens, answerLength(promptTokenIds));
  }

  begin(): void {
    const { promptTokenIds, emittedTokenIds } = this.attempt;
    const job: EngineJob = {
      blocks: prefixHashes(promptTokenIds, this.attempt.decoding.cacheScope),
      promptTokens: promptTokenIds.length + emittedTokenIds.length,
      // One that only wants its ending evaluates its prompt all the same.
      outputTokens: Math.max(1, this.#length - emittedTokenIds.length),
      listener: {
        accepted: (cachedTokens, slot) => this.#accept(cachedTokens, slot),
        evaluated: (evaluatedTokens, chunkLength) => this.#evaluate(evaluatedTokens, chunkLength),
        token: () => this.#decode(),
        ended: () => this.#end(this.#emitted >= this.attempt.decoding.maxTokens ? "length" : "stop", null),
      },
    };
    this.#running = this.#surroundings.engine.start(job);
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

  #accept(cachedTokens: number, slot: number): void {
    const { length: promptTokens } = this.attempt.promptTokenIds;
    this.#cachedPromptTokens = Math.min(cachedTokens, promptTokens);
    const cachedChunkLengths = this.#cachedPromptTokens === 0 ? [] : [this.#cachedPromptTokens];
    const cachedPromptTokens = this.#cachedPromptTokens;
    this.#surroundings.send({ kind: "accepted", slot, cachedPromptTokens, cachedChunkLengths, promptTokens });
  }

  #evaluate(evaluatedTokens: number, chunkLength: number): void {
    if (this.#isEnded || this.#endWhenCancelled()) return;
    const { promptTokenIds } = this.attempt;
    if (promptTokenIds.includes(poisonToken)) {
      this.#surroundings.poisoned();
      return;
    }
    const { length: totalTokens } = promptTokenIds;
    const evaluated = Math.min(evaluatedTokens, totalTokens);
    this.#surroundings.send({ kind: "prefill", evaluatedTokens: evaluated, totalTokens, chunkLength });
  }

  #decode(): void {
    if (this.#isEnded || this.#endWhenCancelled() || this.#emitted >= this.#length) return;
    const { planned, random, onFault } = this.#surroundings.node.surroundings;
    const id = nextToken(this.#sequence);
    this.#sequence = advance(this.#sequence, id);
    this.#unsent.push(id);
    this.#emitted += 1;
    // Now and then two come in one frame.
    if (this.#emitted < this.#length && this.#unsent.length < 2 && random.chance(0.5)) return;
    const ids = this.#unsent.splice(0);
    if (planned.loseTokens > 0) {
      planned.loseTokens -= 1;
      onFault("loseTokens");
      return;
    }
    const firstIndex = this.#emitted - ids.length;
    this.#surroundings.send({ kind: "tokens", firstIndex, ids, texts: ids.map(textOf), logprobs: null });
  }

  #endWhenCancelled(): boolean {
    if (this.#isCancelled) this.#end("cancelled", null);
    return this.#isCancelled;
  }

  #end(reason: FinishReason, failure: GenerationFailure | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#running !== null) this.#surroundings.engine.cancel(this.#running);
    this.#surroundings.ended();
    const usage = {
      promptTokens: this.attempt.promptTokenIds.length,
      cachedPromptTokens: this.#cachedPromptTokens,
      generatedTokens: this.#emitted - this.#unsent.length,
    };
    const timings = { queueMs: 0, prefillMs: 1, decodeMs: 1 };
    this.#surroundings.send({ kind: "ending", ending: { reason, failure, usage, timings } });
  }
}
