// Prompts become token ids before they are queued, on any node that has the model; equal prompts are asked once.
import { createHash } from "node:crypto";
import { type ErrorCode, type LoadingOutlook, PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, TenantId } from "@pomona/shared/core/ids";
import { type AnswerForm, plainForm } from "@pomona/shared/core/output/answer-form";
import type { Clock } from "@pomona/shared/runtime/clock";

export type TokenizedPrompt = {
  readonly tokenIds: readonly number[];
  readonly stop: readonly string[];
  /** Tokens at the beginning that prompts of others may reuse. */
  readonly sharedTokens: number;
  readonly form: AnswerForm;
  /** Digest of the model that the ids are for; empty for any. */
  readonly digest: string;
};

export type TokenizeCall = {
  readonly nodeId: NodeId;
  readonly replicaId: ReplicaId;
  readonly input: PromptInput;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** A ready replica that can be asked. */
export type TokenizingReplica = {
  readonly nodeId: NodeId;
  readonly replicaId: ReplicaId;
  /** Of its model; empty while unknown. */
  readonly digest: string;
};

export type PromptTokenizerDependencies = {
  readonly clock: Clock;
  /** Why the pool takes no request for a model now, else null. */
  readonly refusal: (model: ModelName) => PomonaError | null;
  /** How far a model is that has no ready replica, and when a client may ask again. */
  readonly loading: (model: ModelName) => { readonly outlook: LoadingOutlook; readonly retryAfterMs: number };
  readonly replicas: (model: ModelName) => readonly TokenizingReplica[];
  /** A request begins to wait for a replica. Returns what to call when it does not wait any more. */
  readonly startWaiting: (model: ModelName, limits: TokenizeLimits) => () => void;
  /** Resolves when the pool may have changed. */
  readonly changed: () => Promise<void>;
  readonly ask: (call: TokenizeCall) => Promise<Omit<TokenizedPrompt, "digest">>;
  /** Bytes of answers that are kept; 16 MiB by default. */
  readonly cachedBytesMax?: number;
};

/** `deadlineMs` is of the dependencies' clock. */
export type TokenizeLimits = {
  /** Whose prompt it is: answers that are kept are not told to others, not even by being fast. */
  readonly owner: TenantId;
  readonly deadlineMs: number;
  /** Longest wait for a replica. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  /** Told every other second how far the model is while it waits for it. */
  readonly onLoading?: (outlook: LoadingOutlook) => void;
};

/** Longest time that one replica may take. */
const askTimeoutMs = 30_000;
/** Replicas that are asked before a prompt is given up, and those that may crash at it. */
const triesMax = 3;
const crashesMax = 2;

/** Codes that say something about the node or its replica, not about the prompt: another one may do it. */
const nodeCodes: ReadonlySet<ErrorCode> = new Set([
  "node_lost",
  "not_found",
  "failed_precondition",
  "engine_crashed",
  "slots_full",
  "shutting_down",
]);

/** Asks ready replicas in turn, waits for one while one may come, and tries another when a node is lost. */
export class PromptTokenizer {
  readonly #dependencies: PromptTokenizerDependencies;
  readonly #kept: TokenCache;
  #turn = 0;

  constructor(dependencies: PromptTokenizerDependencies) {
    this.#dependencies = dependencies;
    this.#kept = new TokenCache(dependencies.cachedBytesMax ?? 16 * 1024 * 1024);
  }

  /**
   * @throws PomonaError the refusal; `model_not_ready` when the deadline passes first; what the replicas said; the
   * signal's reason.
   */
  async tokenize(model: ModelName, input: PromptInput, limits: TokenizeLimits): Promise<TokenizedPrompt> {
    // A model that is gone is refused also for a prompt that is known.
    this.#check(model, limits);
    if (input.kind === "tokens")
      return { tokenIds: input.tokenIds, stop: [], sharedTokens: 0, form: plainForm, digest: "" };
    return await this.#askReplicas(model, input, limits);
  }

  async #askReplicas(model: ModelName, input: PromptInput, limits: TokenizeLimits): Promise<TokenizedPrompt> {
    const { ask, clock } = this.#dependencies;
    const failed = new Set<ReplicaId>();
    let crashes = 0;
    for (let tries = 1; ; tries += 1) {
      const { nodeId, replicaId, digest } = await this.#readyReplica(model, { failed, limits });
      const key = keyOf([model, digest, limits.owner], input);
      const kept = this.#kept.get(key);
      if (kept !== null) return kept;
      const timeoutMs = Math.max(1, Math.min(askTimeoutMs, limits.deadlineMs - clock.nowMs()));
      try {
        const answer = { ...(await ask({ nodeId, replicaId, input, timeoutMs, signal: limits.signal })), digest };
        this.#kept.keep(key, answer);
        return answer;
      } catch (thrown) {
        const { code } = toPomonaError(thrown);
        if (code === "engine_crashed") crashes += 1;
        const isLast = tries >= triesMax || crashes >= crashesMax;
        if (isLast || limits.signal.aborted || !nodeCodes.has(code)) throw thrown;
        failed.add(replicaId);
      }
    }
  }

  /** Replicas that failed are asked again only when there is no other after the next change of the pool. */
  async #readyReplica(
    model: ModelName,
    { failed, limits }: { readonly failed: ReadonlySet<ReplicaId>; readonly limits: TokenizeLimits },
  ): Promise<TokenizingReplica> {
    const { clock, replicas, changed, startWaiting } = this.#dependencies;
    const deadlineMs = Math.min(limits.deadlineMs, clock.nowMs() + limits.patienceMs);
    let stopWaiting: (() => void) | null = null;
    try {
      for (;;) {
        this.#check(model, { ...limits, deadlineMs });
        const ready = replicas(model);
        const fresh = ready.filter(({ replicaId }) => !failed.has(replicaId));
        const candidates = fresh.length === 0 && stopWaiting !== null ? ready : fresh;
        this.#turn += 1;
        const chosen = candidates[this.#turn % candidates.length];
        if (chosen !== undefined) return chosen;
        stopWaiting ??= startWaiting(model, limits);
        await changed();
      }
    } finally {
      stopWaiting?.();
    }
  }

  #check(model: ModelName, { deadlineMs, signal }: TokenizeLimits): void {
    signal.throwIfAborted();
    const refusal = this.#dependencies.refusal(model);
    if (refusal !== null) throw refusal;
    if (this.#dependencies.clock.nowMs() < deadlineMs) return;
    const { outlook, retryAfterMs } = this.#dependencies.loading(model);
    const message = `model ${model} had no ready replica when the time was over: it is ${outlook.state}`;
    throw new PomonaError("model_not_ready", message, { retryAfterMs, loading: outlook });
  }
}

/** Only hashes of prompts are kept. */
function keyOf(of: readonly [model: ModelName, digest: string, owner: TenantId], input: PromptInput): string {
  return createHash("sha256")
    .update(JSON.stringify([...of, input]))
    .digest("base64");
}

/** About what an entry costs beside its tokens. */
const entryBytes = 256;

/** Answers by content; the least recently used leave first. */
class TokenCache {
  readonly #bytesMax: number;
  readonly #answers = new Map<string, TokenizedPrompt>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): TokenizedPrompt | null {
    const kept = this.#answers.get(key);
    if (kept === undefined) return null;
    this.#answers.delete(key);
    this.#answers.set(key, kept);
    return kept;
  }

  keep(key: string, answer: TokenizedPrompt): void {
    if (this.#answers.has(key)) return;
    this.#answers.set(key, answer);
    this.#bytes += bytesOf(answer);
    for (const [oldestKey, oldest] of this.#answers) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#answers.delete(oldestKey);
      this.#bytes -= bytesOf(oldest);
    }
  }
}

function bytesOf({ tokenIds, stop }: TokenizedPrompt): number {
  return entryBytes + 8 * tokenIds.length + stop.reduce((sum, text) => sum + 2 * text.length, 0);
}
