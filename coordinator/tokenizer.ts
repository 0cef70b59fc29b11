// Prompts become token ids before they are queued, on any node that has the model; equal prompts are asked once.
import { createHash } from "node:crypto";
import { toPomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, TenantId } from "@pomona/shared/core/ids";
import { type AnswerForm, plainForm } from "@pomona/shared/core/output/answer-form";
import { RecentValues } from "@pomona/shared/core/recent-values";
import { AwaitedReplicas, type AwaitedReplicasDependencies, Tries, type WaitLimits } from "./awaited-replicas.ts";
import type { CountedPrompt } from "./core/generation-request.ts";

export type TokenizedPrompt = CountedPrompt & {
  readonly stop: readonly string[];
  /** End the answer, beside the model's end-of-generation tokens; none by default. */
  readonly stopTokenIds?: readonly number[];
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

export type PromptTokenizerDependencies = AwaitedReplicasDependencies & {
  readonly replicas: (model: ModelName) => readonly TokenizingReplica[];
  readonly ask: (call: TokenizeCall) => Promise<Omit<TokenizedPrompt, "digest">>;
  /** Bytes of answers that are kept; 16 MiB by default. */
  readonly cachedBytesMax?: number;
};

export type TokenizeLimits = WaitLimits & {
  /** Whose prompt it is: answers that are kept are not told to others, not even by being fast. */
  readonly owner: TenantId;
};

/** Longest time that one replica may take. */
const askTimeoutMs = 30_000;

/** Asks ready replicas in turn, waits for one while one may come, and tries another when a node is lost. */
export class PromptTokenizer {
  readonly #dependencies: PromptTokenizerDependencies;
  readonly #awaited: AwaitedReplicas;
  /** The least recently used leave first. */
  readonly #kept: RecentValues<TokenizedPrompt>;
  #turn = 0;

  constructor(dependencies: PromptTokenizerDependencies) {
    this.#dependencies = dependencies;
    this.#awaited = new AwaitedReplicas(dependencies);
    const size = dependencies.cachedBytesMax ?? 16 * 1024 * 1024;
    this.#kept = new RecentValues({ entries: Number.POSITIVE_INFINITY, size });
  }

  /**
   * @throws PomonaError the refusal; `model_not_ready` when the deadline passes first; what the replicas said; the
   * signal's reason.
   */
  async tokenize(model: ModelName, input: PromptInput, limits: TokenizeLimits): Promise<TokenizedPrompt> {
    // A model that is gone is refused also for a prompt that is known.
    this.#awaited.check(model, limits);
    if (input.kind === "tokens")
      return { tokenIds: input.tokenIds, tokensLeftOut: 0, stop: [], sharedTokens: 0, form: plainForm, digest: "" };
    return await this.#askReplicas(model, input, limits);
  }

  async #askReplicas(model: ModelName, input: PromptInput, limits: TokenizeLimits): Promise<TokenizedPrompt> {
    const { ask, clock } = this.#dependencies;
    const tries = new Tries();
    for (;;) {
      const { digest, ...place } = await this.#awaited.find(model, limits, (hasWaited) =>
        this.#choose(tries.among(this.#dependencies.replicas(model), hasWaited)),
      );
      const key = keyOf([model, digest, limits.owner], input);
      const kept = this.#kept.get(key);
      if (kept !== undefined) return kept;
      const timeoutMs = Math.max(1, Math.min(askTimeoutMs, limits.deadlineMs - clock.nowMs()));
      try {
        const answer = { ...(await ask({ ...place, input, timeoutMs, signal: limits.signal })), digest };
        // What is left out may fit once the model's context is a larger one.
        if (answer.tokensLeftOut === 0) this.#kept.set(key, answer, bytesOf(answer));
        return answer;
      } catch (thrown) {
        if (!tries.isWorthAnother(place, toPomonaError(thrown).code) || limits.signal.aborted) throw thrown;
      }
    }
  }

  #choose(candidates: readonly TokenizingReplica[]): TokenizingReplica | null {
    this.#turn += 1;
    return candidates[this.#turn % candidates.length] ?? null;
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

function bytesOf({ tokenIds, stop }: TokenizedPrompt): number {
  return entryBytes + 8 * tokenIds.length + stop.reduce((sum, text) => sum + 2 * text.length, 0);
}
