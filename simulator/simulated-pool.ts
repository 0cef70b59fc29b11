// A pool on virtual time: machines, the processes on them, a coordinator, clients, and the handles that faults pull.
import type { Announcement } from "@pomona/coordinator/core/effect";
import { type ClusterState, type CoreConfig, defaultCoreConfig } from "@pomona/coordinator/core/state";
import { defaultNodeSettings } from "@pomona/shared/core/deployment";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import { DesiredState, type KnownModel } from "./desired-state.ts";
import { noCounts } from "./pool-counts.ts";
import type { Random } from "./random.ts";
import { poisonToken } from "./reference-model.ts";
import { type ClientRequest, type LeftAttempt, RequestLedger } from "./request-ledger.ts";
import { SimulatedCoordinator } from "./simulated-coordinator.ts";
import { publishHeartbeats } from "./simulated-heartbeats.ts";
import { type NetworkConditions, SimulatedLink } from "./simulated-network.ts";
import {
  type Disk,
  type Machine,
  type ModelFile,
  type NodeSurroundings,
  nothingPlanned,
  type PlannedFaults,
  SimulatedNode,
} from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

const registerMs = 1000;
/** After the last fault: by then back-offs are over, and every model that fits can be had. */
const healedMs = 90_000;
/** A deadline that no run reaches. */
export const patientMs = 3_600_000;

/** See `coordinator/core/planned-moves.ts`; nodes that are slow are no plan. */
const plannedReasons: ReadonlySet<string> = new Set(["memory", "moved", "surplus", "drain", "drained"]);

export type PoolParts = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly machines: readonly Machine[];
  readonly models: readonly KnownModel[];
  readonly files: ReadonlyMap<string, ModelFile>;
  readonly complain: (problem: string) => void;
};

export class SimulatedPool {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly machines: readonly Machine[];
  readonly ledger: RequestLedger;
  readonly conditions: NetworkConditions = {
    cutOff: new Set(),
    withoutNats: new Set(),
    withoutReset: new Set(),
    addedDelayMs: new Map(),
  };
  readonly counts = noCounts();
  readonly desired: DesiredState;
  readonly dropped = { oldEpoch: 0, unknownRequest: 0, brokenOrder: 0 };
  readonly #parts: PoolParts;
  readonly #processes = new Map<NodeId, SimulatedNode>();
  readonly #planned = new Map<NodeId, PlannedFaults>();
  readonly #disks = new Map<NodeId, Disk>();
  readonly #enginesKilledBy = new Map<RequestId, number>();
  /** When the last fault was over. */
  healedAtMs = Number.POSITIVE_INFINITY;
  readonly #oldStatuses = new Map<NodeId, NodeStatus>();
  #coordinator: SimulatedCoordinator | null = null;
  #coordinators = 0;
  #eventsBefore = 0;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.time = parts.time;
    this.random = parts.random;
    this.machines = parts.machines;
    this.desired = new DesiredState(parts.models, (event) => this.#tellCoordinator(event));
    this.ledger = new RequestLedger(parts.complain, this.desired.everRemoved);
    this.#startCoordinator();
    for (const machine of parts.machines) {
      this.#planned.set(machine.nodeId, nothingPlanned());
      this.#startProcess(machine, 1);
    }
  }

  get coordinator(): SimulatedCoordinator | null {
    return this.#coordinator;
  }

  get events(): number {
    return this.#eventsBefore + (this.#coordinator?.events ?? 0);
  }

  get processes(): readonly SimulatedNode[] {
    return [...this.#processes.values()];
  }

  #startCoordinator(): void {
    this.#coordinators += 1;
    // Whoever waits for long waits because of a fault: the deadlines of the requests decide.
    const scheduler = { ...defaultCoreConfig.scheduler, lateMaxMs: Number.POSITIVE_INFINITY };
    const replicaPrefix = `c${this.#coordinators}`;
    // Machines of these runs come back: what is begun waits for them.
    const allGoneMs = Number.POSITIVE_INFINITY;
    const config: CoreConfig = { ...defaultCoreConfig, queueLengthMax: 64, replicaPrefix, scheduler, allGoneMs };
    const { time, complain } = this.#parts;
    this.#coordinator = new SimulatedCoordinator({
      time,
      config,
      desired: this.desired,
      ledger: this.ledger,
      openLink: (nodeId, address, onEvent) => new SimulatedLink(nodeId, address, { ...this.#surroundings(), onEvent }),
      onAnnouncement: (announcement) => this.#countAnnouncement(announcement),
      onSentAway: (request, code) => this.#noteSentAway(request, code),
      complain,
    });
  }

  #surroundings() {
    const { time, random, conditions } = this;
    const processAt = (address: string): SimulatedNode | undefined =>
      this.processes.find((process) => process.machine.address === address && !process.isDead);
    const inspect: DesiredState["inspect"] = (nodeId, model) => this.desired.inspect(nodeId, model);
    const pausedForMs = (): number => this.#coordinator?.pausedForMs ?? 0;
    return { time, random, conditions, processAt, inspect, pausedForMs, onEvent: this.#tellCoordinator };
  }

  readonly #tellCoordinator: SimulatedCoordinator["take"] = (event) => this.#coordinator?.take(event);

  /** Nobody waits in vain for a model that some machine could have had all the while. */
  #noteSentAway({ model, requestId }: ClientRequest, code: string): void {
    this.counts.sentAway += 1;
    const isInVain = code === "model_not_ready" && this.time.nowMs - this.healedAtMs > healedMs;
    if (isInVain) this.#parts.complain(`request ${requestId} waited for ${model} in vain`);
  }

  #countAnnouncement(announcement: Announcement): void {
    if (announcement.kind === "requestMoved") {
      if (plannedReasons.has(announcement.reason)) this.counts.plannedMoves += 1;
      else this.counts.moves += 1;
    }
    if (announcement.kind === "replicaRetired" && announcement.eviction === "demand") this.counts.evictions += 1;
    if (announcement.kind === "pullStarted") this.counts.pulls += 1;
    if (announcement.kind === "memberChanged" && announcement.to === "dead") this.counts.deaths += 1;
  }

  #startProcess(machine: Machine, incarnation: number): void {
    const { time, random } = this;
    const { files, complain } = this.#parts;
    const planned = this.#planned.get(machine.nodeId) ?? nothingPlanned();
    const onFault = (kind: keyof PlannedFaults): void => {
      this.counts[kind] += 1;
    };
    const onPoisoned = (requestId: RequestId): void => {
      const deaths = (this.#enginesKilledBy.get(requestId) ?? 0) + 1;
      this.#enginesKilledBy.set(requestId, deaths);
      this.counts.enginesKilled += 1;
      // A death that nobody could report counts as a lost node.
      if (deaths > defaultCoreConfig.movesMax + 1) complain(`request ${requestId} has killed ${deaths} engines`);
    };
    const { nodeId } = machine;
    const disk = this.#disks.get(nodeId) ?? new Map();
    this.#disks.set(nodeId, disk);
    const hasInPlace = (model: ModelName): boolean => this.desired.hasInPlace(nodeId, model);
    const surroundings: NodeSurroundings = {
      time,
      random,
      files,
      planned,
      disk,
      hasInPlace,
      complain,
      onFault,
      onPoisoned,
    };
    const node = new SimulatedNode(machine, incarnation, surroundings);
    this.#processes.set(machine.nodeId, node);
    publishHeartbeats(node, this.#surroundings());
    this.#register(node, random.between(50, 300));
  }

  /** Cluster.Register: at the start, and again whenever no coordinator watches. */
  #register(node: SimulatedNode, delayMs: number): void {
    this.time.after(delayMs, () => {
      if (node.isDead) return;
      const { nodeId, address } = node.machine;
      if (!this.conditions.cutOff.has(nodeId) && !node.isPaused && !node.isMute) {
        this.#tellCoordinator({ kind: "heartbeat", status: node.status(), address });
      }
      this.#register(node, registerMs);
    });
  }

  // What clients do.

  request(request: ClientRequest): void {
    const pausedForMs = this.#coordinator?.pausedForMs ?? 0;
    if (pausedForMs > 0) {
      this.time.after(pausedForMs, () => this.request(request));
      return;
    }
    const refusal = this.#coordinator?.request(request) ?? null;
    if (refusal !== null) this.counts.refusedByPool += 1;
  }

  cancel(request: ClientRequest): void {
    const { requestId } = request;
    this.#coordinator?.leave(request);
    if (!this.ledger.has(requestId)) return;
    this.ledger.markCancelled(requestId);
    this.#tellCoordinator({ kind: "requestCancelled", requestId });
  }

  /** A stop string was found in the text. */
  stop({ requestId }: ClientRequest): void {
    if (!this.ledger.has(requestId)) return;
    this.ledger.markStopped(requestId);
    // One that goes on elsewhere is stopped when the text is there again.
    if (this.ledger.isStopDue(requestId)) this.#tellCoordinator({ kind: "requestStopped", requestId });
  }

  // What faults do. Each says whether it found a victim.

  kill(nodeId: NodeId, restartAfterMs: number): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    this.#oldStatuses.set(nodeId, process.status());
    this.counts.loads += process.loads;
    if (this.random.chance(0.5)) this.conditions.withoutReset.add(nodeId);
    else this.conditions.withoutReset.delete(nodeId);
    process.kill();
    this.time.after(restartAfterMs, () => {
      this.counts.restarts += 1;
      this.#startProcess(process.machine, process.incarnation + 1);
      if (this.random.chance(0.5)) this.replayHeartbeat(nodeId);
    });
    return true;
  }

  hang(nodeId: NodeId, ms: number): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead || process.isPaused) return false;
    process.pause(ms);
    return true;
  }

  mute(nodeId: NodeId, ms: number): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    process.isMute = true;
    this.time.after(ms, () => {
      process.isMute = false;
    });
    return true;
  }

  crashEngine(nodeId: NodeId): boolean {
    const process = this.#processes.get(nodeId);
    return process !== undefined && !process.isDead && !process.isPaused && process.crashEngine();
  }

  planFault(nodeId: NodeId, kind: keyof PlannedFaults): boolean {
    const planned = this.#planned.get(nodeId);
    if (planned === undefined) return false;
    planned[kind] += 1;
    return true;
  }

  drain(nodeId: NodeId, ms: number): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    process.isDraining = true;
    this.time.after(ms, () => {
      process.isDraining = false;
    });
    return true;
  }

  resetLink(nodeId: NodeId): boolean {
    const link = this.#coordinator?.link(nodeId);
    link?.break();
    return link !== undefined;
  }

  requestPoison(): boolean {
    const [deployment] = this.desired.deployed;
    if (deployment === undefined) return false;
    const requestId = this.random.hexId();
    const promptTokenIds = [...this.random.hexId()].map((digit) => digit.charCodeAt(0));
    promptTokenIds.push(poisonToken);
    const { model } = deployment.record.spec;
    const request = {
      requestId,
      model,
      promptTokenIds,
      maxTokens: 10,
      isPatient: true,
      deadlineMs: patientMs,
      isPoison: true,
      isText: false,
    };
    this.request(request);
    return this.ledger.has(requestId);
  }

  /** A heartbeat of an earlier process, or of a while ago, turns up. */
  replayHeartbeat(nodeId: NodeId): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    const status = this.#oldStatuses.get(nodeId) ?? process.status();
    const { address } = process.machine;
    if (status.incarnation < process.incarnation) this.counts.oldIncarnations += 1;
    this.time.after(3000, () => this.#tellCoordinator({ kind: "heartbeat", status, address }));
    return true;
  }

  restartCoordinator(downMs: number): boolean {
    if (this.#coordinator === null) return false;
    this.takeDropped();
    this.#eventsBefore += this.#coordinator.events;
    const { state } = this.#coordinator;
    this.#coordinator.close();
    this.#coordinator = null;
    this.ledger.leaveAll((requestId) => this.#leftAt(state, requestId));
    this.time.after(downMs, () => this.#startCoordinator());
    return true;
  }

  /** Where a coordinator that is gone has had a request; null for one that was on no node. */
  #leftAt(state: ClusterState, requestId: RequestId): LeftAttempt | null {
    const record = state.requests.get(requestId);
    if (record?.place.kind !== "bound") return null;
    const { nodeId } = record.place;
    const incarnation = state.members.get(nodeId)?.status.incarnation ?? 0;
    return { nodeId, incarnation, epoch: record.epoch };
  }

  pauseCoordinator(ms: number): boolean {
    if (this.#coordinator === null || this.#coordinator.pausedForMs > 0) return false;
    this.#coordinator.pause(ms);
    this.ledger.excusedUntilMs = this.time.nowMs + ms;
    return true;
  }

  setClockRate(nodeId: NodeId, rate: number): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    process.setClockRate(rate);
    return true;
  }

  /** Adds the dropped frames of the coordinator that is about to go. */
  takeDropped(): void {
    const dropped = this.#coordinator?.state.dropped;
    if (dropped === undefined) return;
    this.dropped.oldEpoch += dropped.oldEpoch;
    this.dropped.unknownRequest += dropped.unknownRequest;
    this.dropped.brokenOrder += dropped.brokenOrder;
  }

  /** Everything that is wrong ends; machines that are down come back by themselves. */
  heal(): void {
    this.healedAtMs = this.time.nowMs;
    for (const { nodeId } of this.machines)
      if (this.desired.settings.has(nodeId)) this.desired.setNode(nodeId, defaultNodeSettings);
    this.conditions.cutOff.clear();
    this.conditions.withoutNats.clear();
    this.conditions.addedDelayMs.clear();
    for (const planned of this.#planned.values()) Object.assign(planned, nothingPlanned());
  }
}
