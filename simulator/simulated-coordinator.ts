// The coordinator's loop on virtual time: its real core, with simulated executors, checked after every event.
import { decideMaxTokens, refuseModel, refuseQueue } from "@pomona/coordinator/core/admission";
import type { Announcement, Effect } from "@pomona/coordinator/core/effect";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import { idleSlotViolations, violations } from "@pomona/coordinator/core/invariants";
import { type ClusterState, type CoreConfig, emptyState } from "@pomona/coordinator/core/state";
import { step } from "@pomona/coordinator/core/step";
import { unreachable } from "@pomona/shared/core/assert";
import { defaultDecoding } from "@pomona/shared/core/generation";
import type { NodeId } from "@pomona/shared/core/ids";
import { type DeployedModel, inspectionOf } from "./deployed-model.ts";
import type { ClientRequest, RequestLedger } from "./request-ledger.ts";
import type { SimulatedLink } from "./simulated-network.ts";
import type { VirtualTime } from "./virtual-time.ts";

const tickMs = 100;
const inspectMs = 5;

export type CoordinatorSurroundings = {
  readonly time: VirtualTime;
  readonly config: CoreConfig;
  readonly deployments: readonly DeployedModel[];
  readonly ledger: RequestLedger;
  readonly openLink: (nodeId: NodeId, address: string, onEvent: (event: ClusterEvent) => void) => SimulatedLink;
  readonly onAnnouncement: (announcement: Announcement) => void;
  readonly complain: (problem: string) => void;
};

/** One process of a coordinator, from its start to its end. */
export class SimulatedCoordinator {
  readonly state: ClusterState = emptyState();
  readonly #surroundings: CoordinatorSurroundings;
  readonly #links = new Map<NodeId, SimulatedLink>();
  readonly #pending: ClusterEvent[] = [];
  #isStepping = false;
  #isClosed = false;
  events = 0;

  constructor(surroundings: CoordinatorSurroundings) {
    this.#surroundings = surroundings;
    for (const { record } of surroundings.deployments) this.take({ kind: "deploymentSet", record });
    surroundings.time.every(tickMs, () => {
      if (!this.#isClosed) this.take({ kind: "tick" });
      return !this.#isClosed;
    });
  }

  link(nodeId: NodeId): SimulatedLink | undefined {
    return this.#links.get(nodeId);
  }

  /** The process is gone: its links close, and nobody hears of it again. */
  close(): void {
    this.#isClosed = true;
    for (const link of this.#links.values()) link.close();
  }

  take(event: ClusterEvent): void {
    if (this.#isClosed) return;
    this.#pending.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#step(next);
    this.#isStepping = false;
  }

  /** What the API adapters do: admission, then the queue. Returns why it was refused, or null. */
  request(request: ClientRequest): string | null {
    const { state } = this;
    const { config, ledger } = this.#surroundings;
    const { requestId, model, promptTokenIds, deadlineMs } = request;
    const context = { state, nowMs: this.#surroundings.time.nowMs, config };
    const refusal = refuseModel(context, model) ?? refuseQueue(context, model);
    if (refusal !== null) return refusal.code;
    const maxTokens = decideMaxTokens(state, {
      model,
      promptTokens: promptTokenIds.length,
      maxTokens: request.maxTokens,
    });
    if (typeof maxTokens !== "number") return maxTokens.code;
    ledger.add(request);
    const decoding = { ...defaultDecoding, maxTokens };
    const who = { tenant: "", priority: "interactive", firstTokenDeadlineMs: null } as const;
    const newRequest = { requestId, model, promptTokenIds, promptDigest: "", decoding, deadlineMs, ...who };
    this.take({ kind: "requestArrived", request: newRequest });
    return null;
  }

  #step(event: ClusterEvent): void {
    const { time, config, complain } = this.#surroundings;
    const context = { state: this.state, nowMs: time.nowMs, config };
    this.events += 1;
    const stale = this.#staleFrame(event);
    const effects = step(event, context);
    if (stale !== null && effects.some(({ kind }) => kind === "deliver" || kind === "finish")) complain(stale);
    for (const problem of violations(context)) complain(`after ${event.kind}: ${problem}`);
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

  /** Whether an attempt, as `request/epoch`, is one that the coordinator wants to run. */
  wants(attempt: string): boolean {
    const [requestId = "", epoch] = attempt.split("/");
    const record = this.state.requests.get(requestId);
    return record?.place.kind === "bound" && String(record.epoch) === epoch;
  }

  #execute(effect: Effect): void {
    const { ledger, onAnnouncement, openLink } = this.#surroundings;
    switch (effect.kind) {
      case "connectNode": {
        const { nodeId, address } = effect;
        this.#links.get(nodeId)?.close();
        this.#links.set(
          nodeId,
          openLink(nodeId, address, (event) => this.take(event)),
        );
        break;
      }
      case "disconnectNode":
        this.#links.get(effect.nodeId)?.close();
        this.#links.delete(effect.nodeId);
        break;
      case "loadReplica":
        this.#links.get(effect.nodeId)?.load(effect.replicaId, effect.spec);
        break;
      case "unloadReplica":
        this.#links.get(effect.nodeId)?.unload(effect.replicaId);
        break;
      case "inspectModel":
        this.#inspect(effect);
        break;
      // Every node has the files.
      case "pullModel":
      case "cancelPull":
      case "pinModel":
        break;
      case "startAttempt":
        this.#links.get(effect.nodeId)?.start(effect.attempt);
        break;
      case "cancelAttempt":
        this.#links.get(effect.nodeId)?.cancel(effect.requestId, effect.epoch);
        break;
      case "deliver":
        ledger.deliver(effect);
        break;
      case "finish":
        ledger.finish(effect, this.#surroundings.time.nowMs);
        break;
      case "tellWaiting":
        ledger.tell(effect);
        break;
      case "announce":
        onAnnouncement(effect.announcement);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Which files there are does not change: a node that is asked answers, unless its link is gone by then. */
  #inspect({ nodeId, model, runKey }: Effect & { kind: "inspectModel" }): void {
    const { time, deployments } = this.#surroundings;
    const asked = this.#links.get(nodeId);
    const found = deployments.find(({ record }) => record.spec.model === model);
    if (found === undefined) return;
    time.after(inspectMs, () => {
      if (this.#links.get(nodeId) !== asked) return;
      this.take({ kind: "modelInspected", nodeId, model, runKey, outcome: inspectionOf(found) });
    });
  }
}
