// A pool on virtual time: machines, the processes on them, a coordinator, clients, and the handles that faults pull.

import { type CoreConfig, defaultCoreConfig } from "@pomona/coordinator/core/core-config";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import { defaultNodeSettings } from "@pomona/shared/core/deployment";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import { DesiredState, type KnownModel } from "./desired-state.ts";
import {
  type Disk,
  type KnownTerms,
  type Machine,
  type ModelFile,
  type NodeSurroundings,
  nothingPlanned,
  type PlannedFaults,
} from "./machine.ts";
import type { NetworkConditions } from "./network-conditions.ts";
import { countAnnouncement, noCounts } from "./pool-counts.ts";
import type { Random } from "./random.ts";
import { poisonToken } from "./reference-model.ts";
import { type ClientRequest, RequestLedger } from "./request-ledger.ts";
import { SimulatedClients } from "./simulated-clients.ts";
import { SimulatedCoordinator } from "./simulated-coordinator.ts";
import { SimulatedCoordinators } from "./simulated-coordinators.ts";
import { publishHeartbeats } from "./simulated-heartbeats.ts";
import { SimulatedNats } from "./simulated-nats.ts";
import { SimulatedLink } from "./simulated-network.ts";
import { SimulatedNode } from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

const registerMs = 1000;
/** After the last fault: by then back-offs are over, and every model that fits can be had. */
const healedMs = 90_000;
/** A deadline that no run reaches. */
export const patientMs = 3_600_000;

export type PoolParts = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly machines: readonly Machine[];
  readonly models: readonly KnownModel[];
  readonly files: ReadonlyMap<string, ModelFile>;
  /** How many coordinators. */
  readonly coordinators: number;
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
  readonly #terms = new Map<NodeId, KnownTerms>();
  readonly #enginesKilledBy = new Map<RequestId, number>();
  /** When the last fault was over. */
  healedAtMs = Number.POSITIVE_INFINITY;
  readonly #oldStatuses = new Map<NodeId, NodeStatus>();
  readonly nats: SimulatedNats;
  readonly coordinators: SimulatedCoordinators;
  readonly clients: SimulatedClients;
  #reigns = 0;
  #lastActive: string | null = null;
  #eventsBefore = 0;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.time = parts.time;
    this.random = parts.random;
    this.machines = parts.machines;
    const { time, random } = parts;
    this.nats = new SimulatedNats(time, random);
    this.desired = new DesiredState(parts.models, {
      tell: (event) => this.#publish(event),
      isWritable: () => this.nats.isUp && this.nats.pausedForMs === 0,
    });
    this.ledger = new RequestLedger(parts.complain, this.desired.everRemoved);
    this.coordinators = new SimulatedCoordinators({
      ...{ count: parts.coordinators, time, random, nats: this.nats },
      startActive: (process) => this.#startActive(process),
      onClosed: (active) => this.#noteClosed(active),
      resync: (active) => {
        for (const event of this.desired.eventsFor(active.state)) active.take(event);
      },
    });
    this.clients = new SimulatedClients({
      ...{ time, random, ledger: this.ledger },
      processes: () => this.coordinators.processes,
      nodeOf: (nodeId) => this.#processes.get(nodeId),
      onRefused: () => {
        this.counts.refusedByPool += 1;
      },
      onReadOn: () => {
        this.counts.readOn += 1;
      },
    });
    for (const machine of parts.machines) {
      this.#planned.set(machine.nodeId, nothingPlanned());
      this.#startProcess(machine, 1);
    }
  }

  /** The active coordinator, when there is exactly one and it runs. */
  get coordinator(): SimulatedCoordinator | null {
    return this.coordinators.sole;
  }

  get events(): number {
    return this.coordinators.active.reduce((sum, { events }) => sum + events, this.#eventsBefore);
  }

  /** How often a coordinator has become the active one. */
  get reigns(): number {
    return this.#reigns;
  }

  get processes(): readonly SimulatedNode[] {
    return [...this.#processes.values()];
  }

  #startActive(process: CoordinatorProcess): SimulatedCoordinator {
    this.#reigns += 1;
    const { id } = process.machine.self;
    if (this.#lastActive !== null && this.#lastActive !== id) this.counts.takeovers += 1;
    this.#lastActive = id;
    if (this.coordinators.active.length > 0) this.counts.rivals += 1;
    // Whoever waits for long waits because of a fault: the deadlines of the requests decide.
    const scheduler = { ...defaultCoreConfig.scheduler, lateMaxMs: Number.POSITIVE_INFINITY };
    const replicaPrefix = `c${this.#reigns}`;
    // Machines of these runs come back: what is begun waits for them.
    const allGoneMs = Number.POSITIVE_INFINITY;
    const config: CoreConfig = { ...defaultCoreConfig, queueLengthMax: 64, replicaPrefix, scheduler, allGoneMs };
    const { time, complain } = this.#parts;
    const ofProcess = {
      pausedForMs: () => process.pausedForMs,
      isCutOff: () => process.isDead || process.machine.isCutOff,
      term: () => process.ledTerm,
      onSuperseded: (term: number) => {
        this.counts.fenced += 1;
        process.supersede(term);
      },
    };
    return new SimulatedCoordinator({
      ...{ time, config, complain, desired: this.desired, ledger: this.ledger },
      openLink: (nodeId, address, onEvent) =>
        new SimulatedLink(nodeId, address, { ...this.#surroundings(), ...ofProcess, onEvent }),
      pausedForMs: ofProcess.pausedForMs,
      isConnected: () => process.isConnected,
      onAnnouncement: (announcement) => countAnnouncement(this.counts, announcement),
      onSentAway: (request, code) => this.#noteSentAway(request, code),
    });
  }

  #noteClosed(active: SimulatedCoordinator): void {
    this.#eventsBefore += active.events;
    this.#addDropped(active);
    this.clients.leave(active);
  }

  #surroundings() {
    const { time, random, conditions } = this;
    const processAt = (address: string): SimulatedNode | undefined =>
      this.processes.find((process) => process.machine.address === address && !process.isDead);
    const inspect: DesiredState["inspect"] = (nodeId, model) => this.desired.inspect(nodeId, model);
    return { time, random, conditions, processAt, inspect };
  }

  /** Over NATS. */
  #publish(event: ClusterEvent): void {
    const { nats, time } = this;
    if (!nats.isUp) return;
    const { incarnation } = nats;
    time.after(nats.pausedForMs, () => {
      if (nats.isUp && nats.incarnation === incarnation)
        for (const process of this.coordinators.processes) process.hear(event);
    });
  }

  /** Nobody waits in vain for a model that some machine could have had all the while. */
  #noteSentAway({ model, requestId }: ClientRequest, code: string): void {
    this.counts.sentAway += 1;
    const isInVain = code === "model_not_ready" && this.time.nowMs - this.healedAtMs > healedMs;
    if (isInVain) this.#parts.complain(`request ${requestId} waited for ${model} in vain`);
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
    const terms = this.#terms.get(nodeId) ?? { known: new Map() };
    this.#terms.set(nodeId, terms);
    const hasInPlace = (model: ModelName): boolean => this.desired.hasInPlace(nodeId, model);
    const surroundings: NodeSurroundings = {
      time,
      random,
      files,
      planned,
      disk,
      terms,
      hasInPlace,
      complain,
      onFault,
      onPoisoned,
    };
    const node = new SimulatedNode(machine, incarnation, surroundings);
    this.#processes.set(machine.nodeId, node);
    publishHeartbeats(node, { time, random, conditions: this.conditions, onEvent: (event) => this.#publish(event) });
    this.#register(node, random.between(50, 300));
  }

  /** Cluster.Register: at the start, and again whenever no coordinator watches. */
  #register(node: SimulatedNode, delayMs: number): void {
    this.time.after(delayMs, () => {
      if (node.isDead) return;
      const { nodeId, address } = node.machine;
      if (!this.conditions.cutOff.has(nodeId) && !node.isPaused && !node.isMute) {
        const event = { kind: "heartbeat", status: node.status(), address } as const;
        for (const { active, machine } of this.coordinators.processes) if (!machine.isCutOff) active?.take(event);
      }
      this.#register(node, registerMs);
    });
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
    const links = this.coordinators.active.flatMap((active) => active.link(nodeId) ?? []);
    for (const link of links) link.break();
    return links.length > 0;
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
    this.clients.request(request);
    return this.ledger.find(requestId) !== undefined;
  }

  /** A heartbeat of an earlier process, or of a while ago, turns up. */
  replayHeartbeat(nodeId: NodeId): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    const status = this.#oldStatuses.get(nodeId) ?? process.status();
    const { address } = process.machine;
    if (status.incarnation < process.incarnation) this.counts.oldIncarnations += 1;
    this.time.after(3000, () => this.#publish({ kind: "heartbeat", status, address }));
    return true;
  }

  setClockRate(nodeId: NodeId, rate: number): boolean {
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead) return false;
    process.setClockRate(rate);
    return true;
  }

  #addDropped({ state: { dropped } }: SimulatedCoordinator): void {
    this.dropped.oldEpoch += dropped.oldEpoch;
    this.dropped.unknownRequest += dropped.unknownRequest;
    this.dropped.brokenOrder += dropped.brokenOrder;
  }

  /** Adds the dropped frames of those that are still there. */
  takeDropped(): void {
    for (const active of this.coordinators.active) this.#addDropped(active);
  }

  /** Whether nothing is wrong with anything. */
  get isWell(): boolean {
    return (
      this.nats.isWell && this.coordinators.areWell && this.machines.every(({ nodeId }) => this.isNodeWell(nodeId))
    );
  }

  isNodeWell(nodeId: NodeId): boolean {
    const { cutOff, withoutNats, addedDelayMs } = this.conditions;
    const process = this.#processes.get(nodeId);
    if (process === undefined || process.isDead || process.isPaused || process.isMute || process.isDraining)
      return false;
    return !cutOff.has(nodeId) && !withoutNats.has(nodeId) && !addedDelayMs.has(nodeId);
  }

  /** Everything that is wrong ends; machines that are down come back by themselves. */
  heal(): void {
    this.healedAtMs = this.time.nowMs;
    for (const { nodeId } of this.machines)
      if (this.desired.settings.has(nodeId)) this.desired.setNode(nodeId, defaultNodeSettings);
    this.coordinators.heal();
    this.nats.addedDelayMs = 0;
    this.conditions.cutOff.clear();
    this.conditions.withoutNats.clear();
    this.conditions.addedDelayMs.clear();
    for (const planned of this.#planned.values()) Object.assign(planned, nothingPlanned());
  }
}
