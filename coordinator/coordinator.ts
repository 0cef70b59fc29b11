// The coordinator's state and its one loop: events in, step, effects out.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName, RequestId } from "@pomona/shared/core/ids";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import { randomId, randomSeed } from "@pomona/shared/runtime/random-id";
import { decideMaxTokens, refuseModel, refuseQueue } from "./core/admission.ts";
import type { Announcement, Effect, EffectKind, EffectOf } from "./core/effect.ts";
import type { ClusterEvent } from "./core/event.ts";
import type { GenerationRequest, ModelSummary, Readiness } from "./core/generation-request.ts";
import { type ClusterState, type CoreConfig, emptyState } from "./core/state.ts";
import { step } from "./core/step.ts";
import { modelSummaries, readinessOf, readyReplicas } from "./core/views.ts";
import type { Gateway, Generation } from "./gateway.ts";
import { GenerationSession } from "./generation-session.ts";
import type { NodeLinks, TokenizedPrompt } from "./grpc/node-links.ts";
import type { CoordinatorMetrics } from "./metrics.ts";
import { TokenizerCache } from "./tokenizer.ts";

/** How long a request may take where it names no time of its own. */
const defaultTimeoutMs = 600_000;
const tokenizeTimeoutMs = 30_000;
const tickMs = 100;

type Executors = { readonly [Kind in EffectKind]: (effect: EffectOf<Kind>) => void };

export type CoordinatorDependencies = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly links: NodeLinks;
  readonly metrics: CoordinatorMetrics;
  /** The pool's metrics, those of the nodes included. */
  readonly metricsText: () => Promise<string>;
  /** Tells the world of an announcement, over NATS while it is there. */
  readonly publish: (announcement: Announcement) => void;
};

/** A running request beside its record: who reads it, and when things happened. */
type Running = {
  readonly session: GenerationSession;
  readonly model: ModelName;
  readonly api: GenerationRequest["api"];
  readonly seed: number;
  readonly arrivedAtMs: number;
  lastTokensAtMs: number | null;
  isStopped: boolean;
};

/** Owns the cluster's state. Every change goes through `take`. */
export class Coordinator implements Gateway {
  readonly state: ClusterState;
  readonly #config: CoreConfig;
  readonly #dependencies: CoordinatorDependencies;
  readonly #running = new Map<RequestId, Running>();
  readonly #tokenizer = new TokenizerCache();
  readonly #pending: ClusterEvent[] = [];
  #isStepping = false;
  #waiting: (() => void)[] = [];
  #ticker: NodeJS.Timeout | null = null;

  constructor(config: CoreConfig, dependencies: CoordinatorDependencies, state: ClusterState = emptyState()) {
    this.state = state;
    this.#config = config;
    this.#dependencies = dependencies;
  }

  start(): void {
    this.#ticker = setInterval(() => this.take({ kind: "tick" }), tickMs);
  }

  /** Ends every running request as failed, retryable, and stops the clock. */
  close(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    for (const [requestId] of this.#running) this.take({ kind: "requestCancelled", requestId });
  }

  /** Takes an event in. Events that effects cause wait until the effects of this one are carried out. */
  take(event: ClusterEvent): void {
    this.#pending.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#step(next);
    } finally {
      this.#isStepping = false;
    }
  }

  async generate(request: GenerationRequest, signal: AbortSignal): Promise<Generation> {
    const { clock } = this.#dependencies;
    const arrivedAtMs = clock.nowMs();
    const deadlineMs = arrivedAtMs + (request.timeoutMs ?? defaultTimeoutMs);
    const prompt = await this.#tokenize(request.model, request.input, { deadlineMs, signal });
    const size = { model: request.model, promptTokens: prompt.tokenIds.length, maxTokens: request.maxTokens };
    const maxTokens = decideMaxTokens(this.state, size);
    if (typeof maxTokens !== "number") throw maxTokens;
    const refusal = refuseQueue(this.state, this.#config, request.model);
    if (refusal !== null) throw refusal;
    signal.throwIfAborted();

    const requestId = randomId();
    const abandon = (): void => this.take({ kind: "requestCancelled", requestId });
    const session = new GenerationSession(requestId, [...request.stop, ...prompt.stop], abandon);
    const seed = request.sampling.seed ?? randomSeed();
    const { model, api } = request;
    const running = { session, model, api, seed, arrivedAtMs, lastTokensAtMs: null, isStopped: false };
    this.#running.set(requestId, running);
    signal.addEventListener("abort", () => session.hasReaders || abandon());
    const sampling = { ...request.sampling, seed };
    const promptTokenIds = prompt.tokenIds;
    this.take({
      kind: "requestArrived",
      request: { requestId, model, promptTokenIds, sampling, maxTokens, stopTokenIds: [], deadlineMs },
    });
    return { requestId, events: session.read(0, signal) };
  }

  attach(requestId: RequestId, fromIndex: number, signal: AbortSignal): Generation {
    const running = this.#running.get(requestId);
    if (running === undefined) throw new PomonaError("not_found", `no request ${requestId} is running here`);
    return { requestId, events: running.session.read(fromIndex, signal) };
  }

  async tokenize(model: ModelName, input: PromptInput, signal: AbortSignal): Promise<readonly number[]> {
    const deadlineMs = this.#dependencies.clock.nowMs() + tokenizeTimeoutMs;
    return (await this.#tokenize(model, input, { deadlineMs, signal })).tokenIds;
  }

  models(): readonly ModelSummary[] {
    return modelSummaries(this.state);
  }

  readiness(): Readiness {
    return readinessOf(this.state);
  }

  metricsText(): Promise<string> {
    return this.#dependencies.metricsText();
  }

  countRefusal(api: GenerationRequest["api"], model: ModelName, _error: PomonaError): void {
    // A name that the pool does not have is a client's text, not a label.
    this.#dependencies.metrics.rejected(this.state.deployments.has(model) ? model : "other", api);
  }

  async #tokenize(
    model: ModelName,
    input: PromptInput,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<TokenizedPrompt> {
    if (input.kind === "tokens") {
      const refusal = refuseModel(this.state, model);
      if (refusal !== null) throw refusal;
      return { tokenIds: input.tokenIds, stop: [] };
    }
    return await this.#tokenizer.get(model, input, () => this.#askReplicas(model, input, { deadlineMs, signal }));
  }

  /** Any replica knows the vocabulary: when one is lost while it is asked, the next one is. */
  async #askReplicas(
    model: ModelName,
    input: PromptInput,
    until: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<TokenizedPrompt> {
    const tried = new Set<string>();
    for (;;) {
      const { member, replica } = await this.#readyReplica(model, until, tried);
      const { replicaId } = replica;
      const call = { nodeId: member.nodeId, replicaId, input, timeoutMs: tokenizeTimeoutMs, signal: until.signal };
      try {
        return await this.#dependencies.links.tokenize(call);
      } catch (thrown) {
        const { code } = toPomonaError(thrown);
        const isLost = code === "node_lost" || code === "engine_crashed" || code === "not_found";
        if (!isLost || until.signal.aborted || tried.has(replicaId)) throw thrown;
        tried.add(replicaId);
      }
    }
  }

  /** A ready replica, waited for while one may come. @throws PomonaError when none can, or the deadline passes. */
  async #readyReplica(
    model: ModelName,
    until: { readonly deadlineMs: number; readonly signal: AbortSignal },
    tried: ReadonlySet<string>,
  ) {
    for (;;) {
      const all = readyReplicas(this.state, model);
      const ready = all.find(({ replica }) => !tried.has(replica.replicaId)) ?? all[0];
      if (ready !== undefined) return ready;
      const refusal = refuseModel(this.state, model);
      if (refusal !== null) throw refusal;
      until.signal.throwIfAborted();
      if (this.#dependencies.clock.nowMs() >= until.deadlineMs) {
        throw new PomonaError("model_not_ready", `model ${model} was still loading when the time was over`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #step(event: ClusterEvent): void {
    const nowMs = this.#dependencies.clock.nowMs();
    const effects = step(event, { state: this.state, nowMs, config: this.#config });
    for (const effect of effects) this.#execute(effect);
    if (event.kind === "frame") return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #execute<Kind extends EffectKind>(effect: EffectOf<Kind> & Effect): void {
    // The table is total over kinds; the compiler cannot see that this entry takes this effect.
    const executor = this.#executors[effect.kind] as (effect: Effect) => void;
    executor(effect);
  }

  readonly #executors: Executors = {
    connectNode: ({ nodeId, address }) => this.#dependencies.links.connect(nodeId, address),
    disconnectNode: ({ nodeId }) => this.#dependencies.links.disconnect(nodeId),
    loadReplica: ({ nodeId, replicaId, spec }) => void this.#dependencies.links.loadReplica(nodeId, replicaId, spec),
    unloadReplica: ({ nodeId, replicaId }) => void this.#dependencies.links.unloadReplica(nodeId, replicaId),
    startAttempt: (effect) => this.#startAttempt(effect),
    cancelAttempt: ({ requestId, epoch }) => this.#dependencies.links.cancelAttempt(requestId, epoch),
    deliver: (effect) => this.#deliver(effect),
    finish: (effect) => this.#finish(effect),
    announce: ({ announcement }) => this.#announce(announcement),
  };

  #startAttempt({ nodeId, attempt, queueMs }: EffectOf<"startAttempt">): void {
    const running = this.#running.get(attempt.requestId);
    if (running === undefined) return;
    this.#dependencies.metrics.bound({ model: running.model, node: nodeId }, queueMs);
    running.session.add({ kind: "bound", nodeId, epoch: attempt.epoch, queueMs, seed: running.seed });
    this.#dependencies.links.startAttempt(nodeId, attempt);
  }

  #deliver({ requestId, nodeId, frame }: EffectOf<"deliver">): void {
    const running = this.#running.get(requestId);
    if (running === undefined || running.isStopped) return;
    const { metrics, clock } = this.#dependencies;
    const labels = { model: running.model, node: nodeId };
    if (frame.kind === "accepted") {
      metrics.accepted(labels, frame.promptTokens, frame.cachedPromptTokens);
    } else if (frame.kind === "prefill") {
      const { evaluatedTokens, totalTokens } = frame;
      running.session.add({ kind: "progress", evaluatedTokens, totalTokens });
    } else {
      const nowMs = clock.nowMs();
      if (running.lastTokensAtMs === null) metrics.firstToken(labels, (nowMs - running.arrivedAtMs) / 1000);
      else metrics.interToken(labels, (nowMs - running.lastTokensAtMs) / 1000 / frame.ids.length);
      running.lastTokensAtMs = nowMs;
      metrics.tokens(labels, frame.ids.length);
      if (!running.session.addTokens(frame.texts)) return;
      running.isStopped = true;
      this.take({ kind: "requestStopped", requestId });
    }
  }

  #finish({ requestId, ending }: EffectOf<"finish">): void {
    const running = this.#running.get(requestId);
    if (running === undefined) return;
    this.#running.delete(requestId);
    running.session.end(ending, running.isStopped);
    const { metrics, clock } = this.#dependencies;
    const { model, api } = running;
    metrics.ended({ model, api }, ending, (clock.nowMs() - running.arrivedAtMs) / 1000);
  }

  #announce(announcement: Announcement): void {
    const { log, metrics, publish } = this.#dependencies;
    if (announcement.kind === "requestMoved") metrics.moved(announcement.model, announcement.reason);
    log.info({ ...announcement }, "cluster event");
    publish(announcement);
  }
}
