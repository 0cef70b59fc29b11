// The coordinator's state and its one loop: events in, step, effects out.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, PromptInput } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import { randomId, randomSeed } from "@pomona/shared/runtime/random-id";
import { AnswerGrammars } from "./answer-grammars.ts";
import type { CoordinatorDependencies } from "./coordinator-dependencies.ts";
import { contextChanged, decideMaxTokens, refuseModel, refuseQueue, refuseTokens } from "./core/admission.ts";
import type { CoreConfig } from "./core/core-config.ts";
import type { Announcement, Effect, EffectKind, EffectOf } from "./core/effect.ts";
import type { ClusterEvent } from "./core/event.ts";
import type { ApiName, Caller, GenerationRequest, ModelSummary, Readiness } from "./core/generation-request.ts";
import { countOf } from "./core/generation-request.ts";
import type { PlacementReport, PlanRequest } from "./core/placement/placement-report.ts";
import { pooledReplicas } from "./core/pooled-replicas.ts";
import { refusePooled } from "./core/pooled-request.ts";
import { type ClusterState, emptyState, type StepContext } from "./core/state.ts";
import { step } from "./core/step.ts";
import { isTakenUp, isTakingUp } from "./core/takeover.ts";
import { modelSummaries, readinessOf, tokenizingReplicas } from "./core/views.ts";
import type { Gateway, Generation } from "./gateway.ts";
import { leaveRequests, retiredEffects, shuttingDown } from "./leaving.ts";
import { outcomeOfError } from "./metrics.ts";
import { NamedRequests, nameOf, type RequestName } from "./named-requests.ts";
import { planSupposed } from "./plan-supposed.ts";
import { PooledCalls } from "./pooled-calls.ts";
import type { RequestHistory } from "./request-history.ts";
import { RunningRequests } from "./running-requests.ts";
import { readTakeover } from "./takeover-note.ts";
import { PromptTokenizer, type TokenizedPrompt, type TokenizeLimits } from "./tokenizer.ts";
import { waitingForModels } from "./waiting-for-models.ts";

/** How long a request may take where it names no time of its own. */
const defaultTimeoutMs = { interactive: 600_000, batch: 86_400_000 } as const;
const tokenizeTimeoutMs = 30_000;
const tickMs = 100;

type Executors = { readonly [Kind in EffectKind]: (effect: EffectOf<Kind>) => void };

/** Owns the cluster's state. Every change goes through `take`. */
export class Coordinator implements Gateway {
  readonly state: ClusterState;
  readonly #config: CoreConfig;
  readonly #dependencies: CoordinatorDependencies;
  readonly #running: RunningRequests;
  readonly #grammars = new AnswerGrammars();
  readonly #named: NamedRequests;
  readonly #tokenizer: PromptTokenizer;
  readonly #pooled: PooledCalls;
  readonly #pending: ClusterEvent[] = [];
  #isStepping = false;
  #isStopping = false;
  #isRetired = false;
  /** Requests that are not queued yet: their prompt is being tokenized, or waits for a replica that can. */
  #preparing = 0;
  #waiting: (() => void)[] = [];
  #ticker: NodeJS.Timeout | null = null;

  constructor(config: CoreConfig, dependencies: CoordinatorDependencies, state: ClusterState = emptyState()) {
    this.state = state;
    this.#config = config;
    this.#dependencies = dependencies;
    const { clock, metrics } = dependencies;
    this.#running = new RunningRequests({
      clock,
      metrics,
      abandon: (requestId) => this.take({ kind: "requestCancelled", requestId }),
      admitted: (name, requestId) => this.#named.admitted(name, requestId),
      stop: (requestId) => this.take({ kind: "requestStopped", requestId }),
    });
    this.#named = new NamedRequests({
      isHere: (requestId) => this.#running.isHere(requestId),
      isTakingUp: () => isTakingUp(this.#context()),
      changed: async () => {
        await this.#changed();
        if (this.#isStopping) throw shuttingDown();
      },
    });
    const awaited = waitingForModels({
      clock,
      context: () => this.#context(),
      take: (event) => this.take(event),
      refusal: (model) => this.#refusal(model),
      changed: () => this.#changed(),
    });
    this.#tokenizer = new PromptTokenizer({
      ...awaited,
      replicas: (model) => tokenizingReplicas(this.state, model),
      ask: (call) => this.#dependencies.links.tokenize(call),
    });
    this.#pooled = new PooledCalls({
      ...awaited,
      metrics,
      noteUse: (model) => this.take({ kind: "modelAwaited", model, change: 0 }),
      refusalOf: (model, kind) => refusePooled(this.state, model, kind),
      replicas: (model) => pooledReplicas(this.#context(), model),
      labelOf: (model) => this.#labelOf(model),
      embed: (inputs, call) => this.#dependencies.links.embed(inputs, call),
      rank: (query, documents, call) => this.#dependencies.links.rank(query, documents, call),
      limitsOf: ({ priority }) => ({ timeoutMs: defaultTimeoutMs[priority], patienceMs: this.#patienceMs(priority) }),
    });
  }

  start(): void {
    const { clock } = this.#dependencies;
    let tickedAtMs = clock.nowMs();
    this.#ticker = setInterval(() => {
      const awayMs = clock.nowMs() - tickedAtMs;
      tickedAtMs = clock.nowMs();
      if (awayMs >= this.#config.absenceMs) this.take({ kind: "wasAway", awayMs });
      this.take({ kind: "tick" });
      this.#running.review();
      this.#named.review();
    }, tickMs);
  }

  /** From now on every new request is refused, and the coordinator is not ready; running requests go on. */
  stopTaking(): void {
    this.#isStopping = true;
    this.#wakeAll();
  }

  /** Whether somebody waits for an answer. */
  get isBusy(): boolean {
    return this.#preparing > 0 || this.#pooled.isBusy || this.#running.isAnyRead;
  }

  /** Another one decides from now on: what runs on a node goes on, what waits or loses its node is told to try again. */
  retire(): void {
    this.stopTaking();
    this.#isRetired = true;
    this.#leave(this.#running.ids.filter((requestId) => this.state.requests.get(requestId)?.place.kind !== "bound"));
  }

  /** Ends every running request as failed with `shutting_down`, so that its client knows to try again. */
  endAll(): void {
    this.#leave(this.#running.ids);
  }

  #leave(ids: readonly RequestId[]): void {
    const cancel = (requestId: RequestId): void => this.take({ kind: "requestCancelled", requestId });
    leaveRequests(ids, { state: this.state, running: this.#running, cancel });
  }

  /** Refuses what is new, ends what runs, and stops the clock. */
  close(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.stopTaking();
    this.endAll();
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

  async generate(request: GenerationRequest, caller: Caller): Promise<Generation> {
    const name = nameOf(request, caller);
    if (name.idempotencyKey === "") return await this.#begin(request, caller, name);
    const known = await this.#named.claim(name, caller.signal);
    if (known !== null) return this.attach(known, 0, caller.signal);
    try {
      return await this.#begin(request, caller, name);
    } finally {
      this.#named.released(name);
      this.#wakeAll();
    }
  }

  async #begin(request: GenerationRequest, caller: Caller, name: RequestName): Promise<Generation> {
    const { tenant, priority, signal, isStreamed = false } = caller;
    const { clock } = this.#dependencies;
    const arrivedAtMs = clock.nowMs();
    const deadlineMs = arrivedAtMs + (request.timeoutMs ?? defaultTimeoutMs[priority]);
    const { model, api, maxTokens: wanted, isMaxTokensCut = false } = request;
    const prompt = await this.#prepare(model, request.input, {
      ...caller,
      owner: tenant,
      deadlineMs,
      patienceMs: this.#patienceMs(priority),
    });
    const { grammar, assembly } = await this.#grammars.plan(request, prompt.form, caller);
    const size = { model, promptTokens: countOf(prompt), maxTokens: wanted, isMaxTokensCut };
    const maxTokens = decideMaxTokens(this.state, size);
    if (typeof maxTokens !== "number") throw maxTokens;
    if (prompt.tokensLeftOut > 0) throw contextChanged(model);
    // The pool may have changed while the prompt was tokenized. No await from here to the queue.
    const wrong = refuseTokens(this.state, model, request.input);
    const refusal = wrong ?? this.#refusal(model) ?? refuseQueue(this.#context(), model);
    if (refusal !== null) throw refusal;
    signal.throwIfAborted();

    const requestId = randomId();
    const seed = request.sampling.seed ?? randomSeed();
    const { tokenIds: promptTokenIds, digest: promptDigest, stopTokenIds = [] } = prompt;
    const note = {
      ...{ ...name, api, model, promptDigest, priority, stop: [...request.stop, ...prompt.stop], assembly },
      deadlineAtMs: clock.wallMs() + deadlineMs - clock.nowMs(),
    };
    const session = this.#running.add({ requestId, note, seed, promptTokens: promptTokenIds.length, isStreamed });
    const abandon = (): void => this.take({ kind: "requestCancelled", requestId });
    signal.addEventListener("abort", () => session.hasReaders || abandon(), { once: true });
    // What one tenant's prompts left in a slot says nothing to another, not even by being fast.
    const cacheScope = { owner: tenant, sharedTokens: prompt.sharedTokens };
    const sampling = { ...request.sampling, seed };
    const { topLogprobs, logsPrompt = false } = request.output;
    const decoding = { sampling, maxTokens, stopTokenIds, grammar, topLogprobs, logsPrompt, cacheScope };
    const asked = { requestId, model, promptTokenIds, promptDigest, decoding, tenant, priority, deadlineMs };
    this.take({ kind: "requestArrived", request: { ...asked, firstTokenDeadlineMs: null } });
    return { requestId, events: session.read(0, signal) };
  }

  attach(requestId: RequestId, fromIndex: number, signal: AbortSignal): Generation {
    const generation = this.#running.attach(requestId, fromIndex, signal);
    if (generation !== null) return generation;
    if (!isTakingUp(this.#context(), requestId))
      throw new PomonaError("not_found", `no request ${requestId} is running here`);
    const message = `request ${requestId} has not been taken up from its node yet`;
    throw new PomonaError("model_not_ready", message, { retryAfterMs: 500 });
  }

  cancel(request: Parameters<Gateway["cancel"]>[0]): void {
    const requestId = typeof request === "string" ? request : this.#named.idOf(request);
    if (requestId !== null) this.take({ kind: "requestCancelled", requestId });
  }

  async tokenize(model: ModelName, input: PromptInput, signal: AbortSignal): Promise<TokenizedPrompt> {
    const deadlineMs = this.#dependencies.clock.nowMs() + tokenizeTimeoutMs;
    return await this.#prepare(model, input, { owner: "", deadlineMs, patienceMs: tokenizeTimeoutMs, signal });
  }

  readonly embed: Gateway["embed"] = (request, caller) => this.#pooled.embed(request, caller);
  readonly rank: Gateway["rank"] = (request, caller) => this.#pooled.rank(request, caller);

  /** @throws PomonaError `not_found` when it is not among the last 1,000. */
  explain(requestId: RequestId): RequestHistory {
    const history = this.#running.explain(requestId);
    if (history === null)
      throw new PomonaError("not_found", `request ${requestId} is not among the last 1,000 of this coordinator`);
    return history;
  }

  /**
   * Where models are and would go, if what is supposed were so. Changes nothing; nodes are asked about sources that are
   * not known yet.
   * @throws PomonaError `not_found` for a node that is not known.
   */
  async plan(request: PlanRequest, signal: AbortSignal): Promise<PlacementReport> {
    return await planSupposed(this.#context(), request, (effect) => this.#dependencies.links.askSource(effect, signal));
  }

  models(): readonly ModelSummary[] {
    return modelSummaries(this.#context());
  }

  readiness(): Readiness {
    if (this.#isStopping) return { isReady: false, reasons: ["this coordinator is stopping"] };
    return readinessOf(this.#context());
  }

  metricsText(): Promise<string> {
    return this.#dependencies.metricsText();
  }

  countRefusal(api: ApiName, model: ModelName, error: PomonaError): void {
    this.#dependencies.metrics.refused({ model: this.#labelOf(model), api }, outcomeOfError(error.code));
  }

  /** A name that the pool does not have is a client's text, not a label. */
  #labelOf(model: ModelName): string {
    return this.state.deployments.has(model) ? model : "other";
  }

  /** Tokenizes. Together with the queue only so many requests may wait here as may be queued. */
  async #prepare(model: ModelName, input: PromptInput, limits: TokenizeLimits): Promise<TokenizedPrompt> {
    // Those whose prompt is still tokenized will stand in the queue too.
    const refusal = this.#refusal(model, input) ?? refuseQueue(this.#context(), model, this.#preparing);
    if (refusal !== null) {
      // Whoever is sent away until it is loaded comes back for it.
      if (refusal.loading !== null) this.take({ kind: "modelAwaited", model, change: 0 });
      throw refusal;
    }
    this.#preparing += 1;
    try {
      return await this.#tokenizer.tokenize(model, input, limits);
    } finally {
      this.#preparing -= 1;
    }
  }

  /** Batch work waits for a model as long as it takes. */
  #patienceMs(priority: Caller["priority"]): number {
    return priority === "batch" ? Number.POSITIVE_INFINITY : this.#config.loadPatienceMs;
  }

  #refusal(model: ModelName, input?: PromptInput): PomonaError | null {
    return this.#isStopping ? shuttingDown() : refuseModel(this.#context(), model, input);
  }

  #context(): StepContext {
    return { state: this.state, nowMs: this.#dependencies.clock.nowMs(), config: this.#config };
  }

  #step(event: ClusterEvent): void {
    const effects = step(event, this.#context());
    for (const effect of effects) {
      if (!this.#isRetired || retiredEffects.has(effect.kind)) this.#execute(effect);
      else if (effect.kind === "startAttempt") this.#leave([effect.attempt.requestId]);
    }
    if (event.kind !== "frame") this.#wakeAll();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wakeAll(): void {
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
    inspectModel: (effect) => void this.#dependencies.links.inspectModel(effect),
    pullModel: (effect) => void this.#dependencies.links.pullModel(effect),
    cancelPull: (effect) => this.#dependencies.links.cancelPull(effect),
    pinModel: ({ model, pinned, revision }) => this.#dependencies.pin(model, pinned, revision),
    startAttempt: (effect) => this.#startAttempt(effect),
    cancelAttempt: (effect) => this.#dependencies.links.cancelAttempt(effect),
    keepAttempts: (effect) => this.#dependencies.links.keepAttempts(effect),
    takeUpAttempt: (effect) =>
      this.#dependencies.links.takeUpAttempt(effect, (attempt) => this.#takeUp(effect.nodeId, attempt)),
    holdState: (effect) => this.#dependencies.links.holdState(effect),
    dropState: (effect) => this.#dependencies.links.dropState(effect),
    deliver: (effect) => this.#running.deliver(effect),
    tellWaiting: (effect) => this.#running.tellWaiting(effect),
    finish: ({ requestId, ending }) => this.#running.end(requestId, ending),
    announce: ({ announcement }) => this.#announce(announcement),
  };

  #startAttempt(effect: EffectOf<"startAttempt">): void {
    const attempt = this.#running.bound(effect);
    if (attempt !== null) this.#dependencies.links.startAttempt(effect.nodeId, attempt);
  }

  /** Goes on with what another coordinator began. Returns whether that is possible. */
  #takeUp(nodeId: NodeId, attempt: Attempt): boolean {
    const { requestId, promptTokenIds, decoding, takeover } = attempt;
    const { clock, log } = this.#dependencies;
    const note = readTakeover(takeover);
    if (note === null || !isTakenUp(this.#context(), attempt)) {
      log.warn({ requestId, nodeId }, "an attempt of another coordinator cannot be taken up");
      return false;
    }
    const { model, promptDigest, tenant, priority, deadlineAtMs } = note;
    const deadlineMs = clock.nowMs() + Math.min(deadlineAtMs - clock.wallMs(), defaultTimeoutMs[priority]);
    const asked = { requestId, model, promptTokenIds, promptDigest, decoding, tenant, priority, deadlineMs };
    this.#running.addTakenUp(nodeId, note, attempt);
    this.take({ kind: "attemptTakenUp", nodeId, attempt, request: { ...asked, firstTokenDeadlineMs: null } });
    this.#running.addMissing(requestId, note.texts, decoding);
    return true;
  }

  #announce(announcement: Announcement): void {
    const { log, metrics, publish } = this.#dependencies;
    if (announcement.kind === "requestMoved") this.#running.noteMove(announcement);
    if (announcement.kind === "checkpointHeld" || announcement.kind === "checkpointLost")
      this.#running.noteCheckpoint(announcement);
    if (announcement.kind === "replicaRetired") metrics.evicted(announcement.eviction);
    if (announcement.kind === "memberForgotten") metrics.forgetNode(announcement.nodeId);
    log.info({ ...announcement }, "cluster event");
    publish(announcement);
  }
}
