// The active coordinator's loop on virtual time: its real core, with simulated executors, checked after every event.
import { decideMaxTokens, refuseModel, refuseQueue } from "@pomona/coordinator/core/admission";
import type { CoreConfig } from "@pomona/coordinator/core/core-config";
import type { Announcement, Effect, EffectOf } from "@pomona/coordinator/core/effect";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import { decisionViolations, idleSlotViolations, violations } from "@pomona/coordinator/core/invariants";
import { type ClusterState, emptyState, type StepContext } from "@pomona/coordinator/core/state";
import { step } from "@pomona/coordinator/core/step";
import { isTakenUp } from "@pomona/coordinator/core/takeover";
import { tokenizingReplicas } from "@pomona/coordinator/core/views";
import { unreachable } from "@pomona/shared/core/assert";
import type { ErrorCode } from "@pomona/shared/core/errors";
import { type Attempt, defaultDecoding } from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { DesiredState } from "./desired-state.ts";
import type { ClientRequest, RequestLedger } from "./request-ledger.ts";
import { newSession, type Session } from "./session.ts";
import type { SimulatedLink } from "./simulated-network.ts";
import type { VirtualTime } from "./virtual-time.ts";

const tickMs = 100;
/** Until desired state that was written is read again. */
const keepMs = 5;
/** See `coordinator/running-requests.ts`. */
const orphanMs = 30_000;
const clientBackMs = 30_000;
const reviewEveryMs = 1000;

export type CoordinatorSurroundings = {
  readonly time: VirtualTime;
  readonly config: CoreConfig;
  readonly desired: DesiredState;
  readonly ledger: RequestLedger;
  readonly openLink: (nodeId: NodeId, address: string, onEvent: (event: ClusterEvent) => void) => SimulatedLink;
  /** For how long its process is stopped. */
  readonly pausedForMs: () => number;
  /** Whether what it writes reaches NATS. */
  readonly isConnected: () => boolean;
  readonly onAnnouncement: (announcement: Announcement) => void;
  /** A request that waited for its model is sent away. */
  readonly onSentAway: (request: ClientRequest, code: ErrorCode) => void;
  readonly complain: (problem: string) => void;
};

/** One reign of a coordinator, from its start to its end. */
export class SimulatedCoordinator {
  readonly state: ClusterState = emptyState();
  readonly #surroundings: CoordinatorSurroundings;
  readonly #links = new Map<NodeId, SimulatedLink>();
  readonly #pending: ClusterEvent[] = [];
  readonly #sessions = new Map<RequestId, Session>();
  /** Nothing could be ended before. */
  #awayUntilMs = 0;
  #isStepping = false;
  #isClosed = false;
  /** Names that loads have had. */
  readonly #loaded = new Set<ReplicaId>();
  /** Requests whose prompt no replica can tokenize yet, and until when they wait for one. */
  readonly #awaiting = new Map<ClientRequest, number>();
  events = 0;

  constructor(surroundings: CoordinatorSurroundings) {
    this.#surroundings = surroundings;
    for (const event of surroundings.desired.events()) this.take(event);
    surroundings.time.every(tickMs, () => {
      if (!this.#isClosed && this.pausedForMs === 0) this.take({ kind: "tick" });
      return !this.#isClosed;
    });
    surroundings.time.every(reviewEveryMs, () => {
      this.#giveUpUnread();
      return !this.#isClosed;
    });
  }

  /** Whether it is none any more: its process is gone, or leads no more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  session(requestId: RequestId): Session | undefined {
    return this.#sessions.get(requestId);
  }

  link(nodeId: NodeId): SimulatedLink | undefined {
    return this.#links.get(nodeId);
  }

  get pausedForMs(): number {
    return this.#surroundings.pausedForMs();
  }

  /** Its process was stopped so long: its timers ring before it reads what has come meanwhile. */
  wasAway(ms: number): void {
    this.#awayUntilMs = this.#surroundings.time.nowMs;
    if (ms >= this.#surroundings.config.absenceMs) this.take({ kind: "wasAway", awayMs: ms });
    this.take({ kind: "tick" });
  }

  /** What nobody has come back for. */
  #giveUpUnread(): void {
    const { nowMs } = this.#surroundings.time;
    for (const { requestId, unreadSinceMs } of this.#sessions.values()) {
      const isOver = unreadSinceMs !== null && nowMs - unreadSinceMs >= clientBackMs;
      if (!isOver) continue;
      if (this.state.requests.has(requestId)) this.take({ kind: "requestCancelled", requestId });
      else this.#sessions.delete(requestId);
    }
  }

  get awaiting(): number {
    return this.#awaiting.size;
  }

  /** Its links close, and nobody hears of it again. */
  close(): void {
    this.#isClosed = true;
    this.#awaiting.clear();
    for (const link of this.#links.values()) link.close();
  }

  take(event: ClusterEvent): void {
    if (this.#isClosed) return;
    if (this.pausedForMs > 0) {
      this.#surroundings.time.after(this.pausedForMs, () => this.take(event));
      return;
    }
    this.#pending.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#step(next);
    this.#isStepping = false;
    if (event.kind !== "frame") this.#lookAfterAwaiting();
  }

  /** What the API adapters do: admission, then the queue. Returns why it was refused, or null. */
  request(request: ClientRequest): ErrorCode | null {
    const { model } = request;
    const { config } = this.#surroundings;
    const refusal = refuseModel(this.#context(), model) ?? refuseQueue(this.#context(), model, this.#awaiting.size);
    if (refusal !== null) return refusal.code;
    if (!request.isText || tokenizingReplicas(this.state, model).length > 0) return this.#admit(request);
    this.#awaiting.set(request, this.#surroundings.time.nowMs + config.loadPatienceMs);
    this.take({ kind: "modelAwaited", model, change: 1 });
    return null;
  }

  /** Its client went away, or has what it wanted. */
  leave(request: ClientRequest): void {
    if (this.#awaiting.delete(request)) this.take({ kind: "modelAwaited", model: request.model, change: -1 });
  }

  /** What the tokenizer does with those that wait, whenever the pool may have changed. */
  #lookAfterAwaiting(): void {
    const { time, onSentAway } = this.#surroundings;
    for (const [request, untilMs] of this.#awaiting) {
      const { model, deadlineMs } = request;
      const isLate = time.nowMs >= Math.min(untilMs, deadlineMs);
      const refusal = refuseModel(this.#context(), model)?.code ?? (isLate ? "model_not_ready" : null);
      if (refusal === null && tokenizingReplicas(this.state, model).length === 0) continue;
      if (!this.#awaiting.delete(request)) continue;
      this.take({ kind: "modelAwaited", model, change: -1 });
      const refused = refusal ?? this.#admit(request);
      if (refused !== null) onSentAway(request, refused);
    }
  }

  #admit(request: ClientRequest): ErrorCode | null {
    const { requestId, model, promptTokenIds, deadlineMs } = request;
    const { ledger } = this.#surroundings;
    const size = { model, promptTokens: promptTokenIds.length, maxTokens: request.maxTokens };
    const maxTokens = decideMaxTokens(this.state, size);
    if (typeof maxTokens !== "number") return maxTokens.code;
    const refusal = refuseQueue(this.#context(), model);
    if (refusal !== null) return refusal.code;
    const session = newSession(requestId, this.#surroundings.time.nowMs);
    this.#sessions.set(requestId, session);
    ledger.add(request, session);
    const decoding = { ...defaultDecoding, maxTokens };
    const who = { tenant: "", priority: "interactive", firstTokenDeadlineMs: null } as const;
    const newRequest = { requestId, model, promptTokenIds, promptDigest: "", decoding, deadlineMs, ...who };
    this.take({ kind: "requestArrived", request: newRequest });
    return null;
  }

  /** Goes on with what another coordinator began, by what that one left with the attempt. */
  #takeUp(nodeId: NodeId, attempt: Attempt): boolean {
    const { requestId, promptTokenIds, decoding, epoch, emittedTokenIds } = attempt;
    const { ledger, time } = this.#surroundings;
    const note = ledger.requestOf(requestId);
    if (note === undefined || !isTakenUp(this, attempt)) return false;
    const known = this.#sessions.get(requestId);
    ledger.noteTakenUp(requestId, { epoch, isLater: known !== undefined });
    const session = known ?? newSession(requestId, time.nowMs);
    this.#sessions.set(requestId, session);
    session.next = Math.max(session.next, emittedTokenIds.length);
    const { model, deadlineMs } = note;
    const who = { tenant: "", priority: "interactive", firstTokenDeadlineMs: null } as const;
    const request = { requestId, model, promptTokenIds, promptDigest: "", decoding, deadlineMs, ...who };
    this.take({ kind: "attemptTakenUp", nodeId, attempt, request });
    this.stopWhenFound(session);
    return true;
  }

  /** Its text is there up to where its client stops it. */
  stopWhenFound(session: Session): void {
    const { requestId } = session;
    if (this.#surroundings.ledger.isStopDue(session)) this.take({ kind: "requestStopped", requestId });
  }

  #context(): StepContext {
    return { state: this.state, nowMs: this.#surroundings.time.nowMs, config: this.#surroundings.config };
  }

  #step(event: ClusterEvent): void {
    const { complain } = this.#surroundings;
    const context = this.#context();
    this.events += 1;
    const stale = this.#staleFrame(event);
    const effects = step(event, context);
    if (stale !== null && effects.some(({ kind }) => kind === "deliver" || kind === "finish")) complain(stale);
    for (const problem of [...violations(context), ...decisionViolations(context, effects)]) {
      complain(`after ${event.kind}: ${problem}`);
    }
    if (event.kind !== "frame") {
      for (const problem of idleSlotViolations(context)) complain(`after ${event.kind}: ${problem}`);
    }
    for (const effect of effects) this.#execute(effect);
  }

  /** What to say when a frame is taken although its attempt is not the one that the request is bound to. */
  #staleFrame(event: ClusterEvent): string | null {
    if (event.kind !== "frame") return null;
    const record = this.state.requests.get(event.requestId);
    if (record === undefined || (record.epoch === event.epoch && record.place.kind === "bound")) return null;
    return `a frame of epoch ${event.epoch} is taken for request ${event.requestId} in epoch ${record.epoch}`;
  }

  /** Whether an attempt is one that the coordinator wants to run. */
  wants({ requestId, epoch }: Pick<Attempt, "requestId" | "epoch">): boolean {
    const record = this.state.requests.get(requestId);
    return record?.place.kind === "bound" && record.epoch === epoch;
  }

  #execute(effect: Effect): void {
    const { ledger, onAnnouncement, time } = this.#surroundings;
    switch (effect.kind) {
      case "pinModel":
        this.#pin(effect);
        break;
      case "deliver":
        this.#withSession(effect, (session) => {
          const epoch = this.state.requests.get(effect.requestId)?.epoch ?? 0;
          if (epoch < session.epoch)
            this.#surroundings.complain(`request ${effect.requestId} goes back to epoch ${epoch}`);
          session.epoch = epoch;
          ledger.deliver(session, effect, time.nowMs);
          this.stopWhenFound(session);
        });
        break;
      case "finish":
        this.#withSession(effect, (session) => {
          const dueMs = Math.max(session.beganAtMs, this.#awayUntilMs);
          ledger.finish(session, effect, { nowMs: time.nowMs, dueMs });
          session.unreadSinceMs ??= time.nowMs;
        });
        break;
      case "tellWaiting":
        this.#withSession(effect, (session) => ledger.tell(session, effect));
        break;
      case "announce":
        onAnnouncement(effect.announcement);
        break;
      default:
        this.#executeAtNode(effect);
    }
  }

  #withSession({ requestId, kind }: { requestId: RequestId; kind: string }, run: (session: Session) => void): void {
    const session = this.#sessions.get(requestId);
    if (session === undefined) this.#surroundings.complain(`${kind} for request ${requestId}, which was never there`);
    else run(session);
  }

  /** The bucket is written when NATS is there. */
  #pin(effect: EffectOf<"pinModel">): void {
    const { time, desired, isConnected } = this.#surroundings;
    time.after(keepMs, () => {
      if (this.#isClosed) return;
      if (isConnected()) desired.pin(effect.model, effect.revision, effect.pinned);
      else time.after(reviewEveryMs, () => this.#pin(effect));
    });
  }

  #executeAtNode(effect: NodeEffect): void {
    const { nodeId } = effect;
    const link = this.#links.get(nodeId);
    switch (effect.kind) {
      case "connectNode":
        link?.close();
        this.#links.set(
          nodeId,
          this.#surroundings.openLink(nodeId, effect.address, (event) => this.take(event)),
        );
        break;
      case "disconnectNode":
        link?.close();
        this.#links.delete(nodeId);
        break;
      case "loadReplica":
        if (this.#loaded.has(effect.replicaId))
          this.#surroundings.complain(`replica ${effect.replicaId} is loaded twice`);
        this.#loaded.add(effect.replicaId);
        link?.load(effect.replicaId, effect.spec);
        break;
      case "unloadReplica":
        link?.unload(effect.replicaId);
        break;
      case "inspectModel":
        link?.inspect(effect);
        break;
      case "pullModel":
        link?.pull(effect);
        break;
      case "cancelPull":
        link?.cancelPull(effect.runKey);
        break;
      // Nodes here know no line to each other.
      case "holdState":
      case "dropState":
        break;
      case "startAttempt":
        link?.calls.start({ ...effect.attempt, orphanMs });
        break;
      case "keepAttempts":
        link?.calls.keep(effect.live);
        break;
      case "takeUpAttempt":
        link?.calls.takeUp(effect, (attempt) => this.#takeUp(nodeId, attempt));
        break;
      case "cancelAttempt":
        link?.calls.cancel(effect.requestId, effect.epoch);
        break;
      default:
        unreachable(effect);
    }
  }
}

/** What is done at one node. */
type NodeEffect = Exclude<Effect, { kind: "pinModel" | "deliver" | "finish" | "tellWaiting" | "announce" }>;
