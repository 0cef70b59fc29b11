// Requests for vectors and relevance: cut into shares, each done by the replica that has it done first, again elsewhere when
// a node is lost.
import { setMaxListeners } from "node:events";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { ModelName, NodeId, ReplicaId, TenantId } from "@pomona/shared/core/ids";
import { pause } from "@pomona/shared/runtime/pause";
import { AwaitedReplicas, type AwaitedReplicasDependencies, Tries, type WaitLimits } from "./awaited-replicas.ts";
import type { Caller } from "./core/generation-request.ts";
import { type PooledReplica, type PooledWork, type Share, secondsUntilDone, sharesOf } from "./core/pooled-replicas.ts";
import {
  type Embeddings,
  type EmbedInput,
  type EmbedRequest,
  type PooledKind,
  type PooledUse,
  pooledInputsMax,
  type RankRequest,
  type Relevance,
  shortened,
  unable,
} from "./core/pooled-request.ts";
import { FairTurns } from "./fair-turns.ts";
import { type CoordinatorMetrics, outcomeOfError } from "./metrics.ts";

/** A share that a node is to do. */
export type PooledCall = {
  readonly nodeId: NodeId;
  readonly replicaId: ReplicaId;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

export type Embedded = { readonly vector: Float32Array; readonly tokens: number };
export type Ranked = { readonly score: number; readonly tokens: number };

export type PooledCallsDependencies = AwaitedReplicasDependencies & {
  readonly metrics: Pick<CoordinatorMetrics, "pooled" | "evaluated">;
  /** Why a model cannot do it, else null. */
  readonly refusalOf: (model: ModelName, kind: PooledKind) => PomonaError | null;
  /** Somebody asks for a model: it is no idle one. */
  readonly noteUse: (model: ModelName) => void;
  readonly replicas: (model: ModelName) => readonly PooledReplica[];
  /** What a metric calls a model: names that the pool does not have are clients' texts. */
  readonly labelOf: (model: ModelName) => string;
  readonly embed: (inputs: readonly EmbedInput[], call: PooledCall) => Promise<readonly Embedded[]>;
  readonly rank: (query: string, documents: readonly string[], call: PooledCall) => Promise<readonly Ranked[]>;
  /** How long a request may take that names no time of its own, and how long it waits for a model. */
  readonly limitsOf: (caller: Caller) => { readonly timeoutMs: number; readonly patienceMs: number };
};

/** Requests that are under way at once; more are refused. */
const openMax = 256;
/** Shares of one request that are under way at once. */
const sharesAtOnceMax = 16;
/** Calls that a replica has at once: one is evaluated, the next is there when it is done. */
const callsPerReplicaMax = 2;
/** A node that takes so many times what was predicted, and at least so long, is given up. */
const patienceFactor = 20;
const patienceMinMs = 60_000;
/** A line that was reset, or an engine that died, is back in about a second. */
const calmMs = 500;
/** Characters of a token, about: what is not tokenized yet is weighed by them. */
const charactersPerToken = 3;

/** A request of either kind. */
type Job<Item, Answer> = {
  readonly kind: PooledKind;
  readonly request: Pick<EmbedRequest, "api" | "model" | "timeoutMs" | "fieldOf">;
  readonly items: readonly Item[];
  /** What nodes call the items. */
  readonly itemName: "inputs" | "documents";
  readonly tokensOf: (item: Item) => number;
  readonly call: (items: readonly Item[], call: PooledCall) => Promise<readonly Answer[]>;
};

type Answered<Answer> = { readonly answers: readonly Answer[]; readonly use: PooledUse };

type Context = WaitLimits & { readonly tenant: TenantId; readonly caller: Caller };

export class PooledCalls {
  readonly #dependencies: PooledCallsDependencies;
  readonly #awaited: AwaitedReplicas;
  readonly #turns = new FairTurns();
  /** What each replica was given and has not answered. */
  readonly #given = new Map<ReplicaId, PooledWork & { readonly calls: number }>();
  #open = 0;

  constructor(dependencies: PooledCallsDependencies) {
    this.#dependencies = dependencies;
    this.#awaited = new AwaitedReplicas(dependencies);
  }

  get isBusy(): boolean {
    return this.#open > 0;
  }

  /** @throws PomonaError as `Gateway.embed`. */
  async embed(request: EmbedRequest, caller: Caller): Promise<Embeddings> {
    const { embed } = this.#dependencies;
    const { dimensions } = request;
    const { answers, use } = await this.#run<EmbedInput, Embedded>(caller, {
      kind: "embed",
      request,
      items: request.inputs,
      itemName: "inputs",
      tokensOf: (input) => (input.kind === "tokens" ? input.tokenIds.length : tokensOfText(input.text)),
      call: async (inputs, call) => {
        const embedded = await embed(inputs, call);
        return embedded.map(({ vector, tokens }) => ({ vector: shortened(vector, dimensions), tokens }));
      },
    });
    return { ...use, vectors: answers.map(({ vector }) => vector) };
  }

  /** @throws PomonaError as `Gateway.rank`. */
  async rank(request: RankRequest, caller: Caller): Promise<Relevance> {
    const { rank } = this.#dependencies;
    const { query, documents } = request;
    const { answers, use } = await this.#run<string, Ranked>(caller, {
      kind: "rank",
      request,
      items: documents,
      itemName: "documents",
      tokensOf: (document) => tokensOfText(query) + tokensOfText(document),
      call: (share, call) => rank(query, share, call),
    });
    return { ...use, scores: answers.map(({ score }) => score) };
  }

  /** Counts what becomes of it. */
  async #run<Item, Answer extends { readonly tokens: number }>(
    caller: Caller,
    job: Job<Item, Answer>,
  ): Promise<Answered<Answer>> {
    const { metrics, clock, labelOf } = this.#dependencies;
    const { api, model } = job.request;
    const arrivedAtMs = clock.nowMs();
    const count = (outcome: Parameters<CoordinatorMetrics["pooled"]>[1]): void =>
      metrics.pooled({ model: labelOf(model), api }, outcome, (clock.nowMs() - arrivedAtMs) / 1000);
    try {
      const answered = await this.#runOpen(caller, job);
      count("finished");
      return answered;
    } catch (thrown) {
      count(outcomeOfError(toPomonaError(thrown).code));
      throw thrown;
    }
  }

  async #runOpen<Item, Answer extends { readonly tokens: number }>(
    caller: Caller,
    job: Job<Item, Answer>,
  ): Promise<Answered<Answer>> {
    this.#check(job);
    const { clock, limitsOf } = this.#dependencies;
    const { timeoutMs: defaultMs, patienceMs } = limitsOf(caller);
    const timeoutMs = job.request.timeoutMs ?? defaultMs;
    const ended = new AbortController();
    const late = (): void => ended.abort(new PomonaError("deadline_exceeded", "the deadline of the request passed"));
    const timer = setTimeout(late, timeoutMs);
    const signal = AbortSignal.any([caller.signal, ended.signal]);
    // All shares listen to it.
    setMaxListeners(0, signal);
    const waiting = { deadlineMs: clock.nowMs() + timeoutMs, patienceMs, signal };
    const { onLoading, tenant } = caller;
    const context = { ...waiting, tenant, caller, ...(onLoading === undefined ? {} : { onLoading }) };
    this.#open += 1;
    try {
      return await this.#shares(job, context, (error) => ended.abort(error));
    } finally {
      this.#open -= 1;
      clearTimeout(timer);
    }
  }

  #check({ kind, request, items, itemName }: Omit<Job<unknown, never>, "tokensOf" | "call">): void {
    if (items.length === 0 || items.length > pooledInputsMax) {
      const message = `${itemName} must hold 1 to ${pooledInputsMax} entries, not ${items.length}`;
      throw new PomonaError("invalid_request", message, { field: itemName });
    }
    const refusal = this.#dependencies.refusal(request.model) ?? this.#dependencies.refusalOf(request.model, kind);
    this.#dependencies.noteUse(request.model);
    if (refusal !== null) throw refusal;
    if (this.#open < openMax) return;
    const message = `${openMax} requests for embeddings or ranking are under way, the most of this pool; try again later`;
    throw new PomonaError("queue_full", message, { retryAfterMs: 1000 });
  }

  /** The first failure ends the others. */
  async #shares<Item, Answer extends { readonly tokens: number }>(
    job: Job<Item, Answer>,
    context: Context,
    stop: (error: unknown) => void,
  ): Promise<Answered<Answer>> {
    const arrivedAtMs = this.#dependencies.clock.nowMs();
    const shares = sharesOf(job.items, job.tokensOf);
    const answers: Answer[][] = [];
    let place: Pick<PooledUse, "nodeId" | "queueMs"> | null = null;
    const pending = shares.entries();
    const work = async (): Promise<void> => {
      for (const [index, share] of pending) {
        const done = await this.#share(job, share, context);
        place ??= { nodeId: done.nodeId, queueMs: done.boundAtMs - arrivedAtMs };
        answers[index] = [...done.answers];
      }
    };
    const workers = Array.from({ length: Math.min(sharesAtOnceMax, shares.length) }, work);
    for (const worker of workers) worker.catch(stop);
    await Promise.allSettled(workers);
    await Promise.all(workers);
    const all = answers.flat();
    const promptTokens = all.reduce((sum, { tokens }) => sum + tokens, 0);
    // There is at least one share, and each has set it.
    const first = place as Pick<PooledUse, "nodeId" | "queueMs"> | null;
    return { answers: all, use: { nodeId: first?.nodeId ?? "", queueMs: first?.queueMs ?? 0, promptTokens } };
  }

  async #share<Item, Answer extends { readonly tokens: number }>(
    job: Job<Item, Answer>,
    share: Share<Item>,
    context: Context,
  ): Promise<Done<Answer>> {
    const { clock, metrics } = this.#dependencies;
    const work = { inputs: share.items.length, tokens: share.tokens };
    const tries = new Tries();
    for (;;) {
      const { replica, seconds } = await this.#place(job.request.model, work, { tries, context });
      const { nodeId, replicaId } = replica;
      const boundAtMs = clock.nowMs();
      const patienceMs = Math.max(patienceMinMs, patienceFactor * 1000 * seconds);
      const timeoutMs = Math.max(1, Math.min(patienceMs, context.deadlineMs - boundAtMs));
      try {
        const answers = await job.call(share.items, { nodeId, replicaId, timeoutMs, signal: context.signal });
        if (answers.length === share.items.length) {
          const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
          metrics.evaluated({ model: job.request.model, node: nodeId }, tokens);
          return { answers, nodeId, boundAtMs };
        }
        throw new PomonaError("node_lost", `node ${nodeId} answered ${answers.length} of ${share.items.length} inputs`);
      } catch (thrown) {
        const error = toPomonaError(thrown);
        if (!tries.isWorthAnother(replica, error.code, "deadline_exceeded") || context.signal.aborted)
          throw explained(error, job, share.first);
      } finally {
        this.#release(replicaId, work, context.tenant);
      }
      await this.#calm(job.request.model, tries, context);
    }
  }

  /** Where there is no other replica, the one that failed gets time to come back, or to be missed. */
  async #calm(model: ModelName, tries: Tries, { signal }: Context): Promise<void> {
    if (tries.untried(this.#dependencies.replicas(model)).length > 0) return;
    await pause(calmMs * tries.count, signal);
  }

  /** Waits for a ready replica that has room, in turn with others, and takes its place there. */
  async #place(
    model: ModelName,
    work: PooledWork,
    { tries, context }: { readonly tries: Tries; readonly context: Context },
  ): Promise<{ readonly replica: PooledReplica; readonly seconds: number }> {
    const { replicas } = this.#dependencies;
    for (;;) {
      const ready = await this.#awaited.find(model, context, (hasWaited) => {
        const found = tries.among(replicas(model), hasWaited);
        return found.length === 0 ? null : found;
      });
      const best = this.#best(ready, work);
      if (best !== null) {
        this.#turns.began(context.tenant);
        this.#give(best.replica.replicaId, work, 1);
        return best;
      }
      await this.#turns.next({ tenant: context.tenant, priority: context.caller.priority, signal: context.signal });
    }
  }

  #best(
    ready: readonly PooledReplica[],
    work: PooledWork,
  ): { readonly replica: PooledReplica; readonly seconds: number } | null {
    let best: { readonly replica: PooledReplica; readonly seconds: number } | null = null;
    for (const replica of ready) {
      const given = this.#given.get(replica.replicaId) ?? nothingGiven;
      if (given.calls >= callsPerReplicaMax) continue;
      const seconds = secondsUntilDone(replica, given, work);
      if (best === null || seconds < best.seconds) best = { replica, seconds };
    }
    return best;
  }

  #give(replicaId: ReplicaId, { inputs, tokens }: PooledWork, sign: 1 | -1): void {
    const given = this.#given.get(replicaId) ?? nothingGiven;
    const calls = given.calls + sign;
    if (calls === 0) this.#given.delete(replicaId);
    else
      this.#given.set(replicaId, { calls, inputs: given.inputs + sign * inputs, tokens: given.tokens + sign * tokens });
  }

  #release(replicaId: ReplicaId, work: PooledWork, tenant: TenantId): void {
    this.#give(replicaId, work, -1);
    this.#turns.ended(tenant);
  }
}

const nothingGiven = { calls: 0, inputs: 0, tokens: 0 };

type Done<Answer> = { readonly answers: readonly Answer[]; readonly nodeId: NodeId; readonly boundAtMs: number };

function tokensOfText(text: string): number {
  return 1 + Math.ceil(text.length / charactersPerToken);
}

/** What a node says of an item of its share, said of the item of the request; and why no replica does it at all. */
function explained(
  error: PomonaError,
  { request, itemName, kind }: Pick<Job<never, never>, "request" | "itemName" | "kind">,
  first: number,
): PomonaError {
  const { code, field, message } = error;
  if (code === "failed_precondition")
    return unable(request.model, `${kind === "embed" ? "makes no embeddings" : "ranks nothing"}: ${message}`);
  const [, index] = /^(?:inputs|documents)\[(\d+)\]$/.exec(field ?? "") ?? [];
  if (index === undefined || field === null || !field.startsWith(itemName)) return error;
  const own = request.fieldOf(first + Number(index));
  return new PomonaError(code, message.startsWith(field) ? own + message.slice(field.length) : message, { field: own });
}
