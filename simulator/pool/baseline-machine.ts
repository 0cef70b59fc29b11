// A machine of a pool that a baseline routes for: its replicas, and what it loads and unloads when it is asked to.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import type { AttemptView, ReplicaView, VisibleRequest } from "../baselines/baseline.ts";
import { Device } from "../engine/device.ts";
import { KvStore } from "../engine/kv-store.ts";
import type { MachineProfile } from "../engine/machine-profile.ts";
import { ReplicaEngine, type Running } from "../engine/replica-engine.ts";
import type { VirtualTime } from "../virtual-time.ts";
import { loadMsOf, memoryShare, type PoolModel } from "./pool.ts";
import type { LoggedRequest } from "./request-log.ts";

export type Waiting = { readonly logged: LoggedRequest; readonly visible: VisibleRequest; boundAtMs: number };
export type Attempt = { readonly waiting: Waiting; readonly running: Running };

/** One model on one machine, loaded or not. */
export class BaselineReplica implements ReplicaView {
  readonly index: number;
  readonly model: PoolModel;
  readonly machine: BaselineMachine;
  readonly profile: MachineProfile;
  readonly bound = new Map<LoggedRequest, Attempt>();
  readonly queue: Waiting[] = [];
  engine: ReplicaEngine;
  state: "absent" | "loading" | "ready" = "absent";
  usedAtMs = 0;

  constructor(index: number, model: PoolModel, machine: BaselineMachine) {
    this.index = index;
    this.model = model;
    this.machine = machine;
    this.profile = model.profileOn(machine.profile);
    this.engine = machine.makeEngine(this.profile);
  }

  get running(): number {
    return this.bound.size;
  }

  get queued(): number {
    return this.queue.length + this.machine.pendingOf(this);
  }

  get onMachine(): number {
    return this.machine.requests;
  }

  get isAbsent(): boolean {
    return this.state === "absent";
  }

  get isIdle(): boolean {
    return this.bound.size === 0 && this.queue.length === 0;
  }

  get hasFreeSlot(): boolean {
    return this.bound.size < this.profile.slots;
  }

  get waitingPromptTokens(): number {
    const queued = this.queue.reduce((sum, { visible }) => sum + visible.promptTokens, 0);
    return this.engine.running.reduce((sum, { job, evaluated }) => sum + job.promptTokens - evaluated, queued);
  }

  get activeTokens(): number {
    return this.engine.running.reduce((sum, { job, generated }) => sum + job.promptTokens + generated, 0);
  }

  get attempts(): AttemptView[] {
    return this.engine.running.map(({ job, evaluated, generated }) => ({
      waitingTokens: job.promptTokens - evaluated,
      generatedTokens: generated,
    }));
  }

  readonly matchedBlocks = (blocks: readonly number[]): number =>
    this.engine.slots.reduce((most, slot) => Math.max(most, commonPrefix(slot.blocks, blocks)), 0);

  readonly reusableBlocks = (blocks: readonly number[]): number =>
    this.engine.slots.reduce(
      (most, slot) => (slot.isBusy ? most : Math.max(most, commonPrefix(slot.blocks, blocks))),
      0,
    );
}

export type BaselineMachineParts = {
  readonly time: VirtualTime;
  readonly profile: MachineProfile;
  /** Saved states of each engine; 0 for no store. */
  readonly savedStates: number;
  /** Starts a request that was bound to a replica, or queues it there. */
  readonly onTurn: (waiting: Waiting, replica: BaselineReplica) => void;
  /** A replica can be used from now on. */
  readonly onReady: (replica: BaselineReplica) => void;
};

type Pending = { readonly waiting: Waiting; readonly replica: BaselineReplica };

export class BaselineMachine {
  readonly profile: MachineProfile;
  /** Loaded and absent ones. */
  readonly replicas: BaselineReplica[] = [];
  readonly #parts: BaselineMachineParts;
  readonly #known = new Set<PoolModel>();
  /** Whose turn has not come, because one of the first of them waits for memory. */
  #pending: Pending[] = [];
  #device: Device;
  /** It is gone, whether or not the router knows. */
  isDown = false;
  isKnownDown = false;
  loads = 0;

  constructor(parts: BaselineMachineParts) {
    this.#parts = parts;
    this.profile = parts.profile;
    this.#device = new Device(parts.time);
  }

  /** Requests that are bound to any of its replicas. */
  get requests(): number {
    return this.replicas.reduce((sum, { bound, queue }) => sum + bound.size + queue.length, this.#pending.length);
  }

  pendingOf(replica: BaselineReplica): number {
    return this.#pending.filter((pending) => pending.replica === replica).length;
  }

  makeEngine(profile: MachineProfile): ReplicaEngine {
    const { time, savedStates } = this.#parts;
    const store = savedStates === 0 ? null : new KvStore(savedStates);
    return new ReplicaEngine({ time, device: this.#device, profile, store });
  }

  /** A model that is there from the beginning. */
  place(replica: BaselineReplica): void {
    this.#known.add(replica.model);
    replica.state = "ready";
  }

  /** In the order of arrival: a request whose model has no room holds up those behind it, so that its turn comes. */
  take(waiting: Waiting, replica: BaselineReplica): void {
    this.#pending.push({ waiting, replica });
    this.advance();
  }

  /** Memory may have become free. */
  advance(): void {
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      const { replica } = next;
      if (replica.state === "absent" && !this.isDown) {
        if (!this.#makeRoom(replica)) return;
        this.load(replica);
      }
      this.#admit(replica);
    }
  }

  /** All that wait for a model have their turn together, or it would be loaded again for each of them. */
  #admit(replica: BaselineReplica): void {
    const admitted = this.#pending.filter((pending) => pending.replica === replica);
    this.#pending = this.#pending.filter((pending) => pending.replica !== replica);
    replica.usedAtMs = this.#parts.time.nowMs;
    for (const { waiting } of admitted) this.#parts.onTurn(waiting, replica);
  }

  load(replica: BaselineReplica): void {
    const { time, onReady } = this.#parts;
    replica.state = "loading";
    const engine = this.makeEngine(replica.profile);
    replica.engine = engine;
    this.loads += 1;
    time.after(loadMsOf(replica.model, this.#known.has(replica.model)), () => {
      if (replica.engine !== engine) return;
      this.#known.add(replica.model);
      replica.state = "ready";
      onReady(replica);
    });
  }

  /** Unloads what was used longest ago until there is room. Returns whether there is; busy replicas stay. */
  #makeRoom({ model }: BaselineReplica): boolean {
    const idle = this.replicas.filter(({ state, isIdle }) => state === "ready" && isIdle);
    idle.sort((one, other) => one.usedAtMs - other.usedAtMs);
    const present = this.replicas.filter(({ state }) => state !== "absent");
    const held = present.reduce((sum, replica) => sum + replica.model.bytes, model.bytes);
    let missing = held - memoryShare * this.profile.memoryBytes;
    const leaving: BaselineReplica[] = [];
    for (const replica of idle) {
      if (missing <= 0) break;
      missing -= replica.model.bytes;
      leaving.push(replica);
    }
    if (missing > 0) return false;
    for (const replica of leaving) this.#unload(replica);
    return true;
  }

  #unload(replica: BaselineReplica): void {
    replica.engine.switchOff();
    replica.engine = this.makeEngine(replica.profile);
    replica.state = "absent";
  }

  /** The power is gone. Returns what was loaded. */
  switchOff(): BaselineReplica[] {
    this.isDown = true;
    const lost = this.replicas.filter(({ state }) => state !== "absent");
    for (const replica of lost) {
      replica.engine.switchOff();
      replica.state = "absent";
    }
    return lost;
  }

  /** The power is back; what was loaded is loaded again. */
  switchOn(lost: readonly BaselineReplica[]): void {
    this.#device = new Device(this.#parts.time);
    this.isDown = false;
    this.isKnownDown = false;
    for (const replica of lost) this.load(replica);
  }

  /** Takes everything back that was bound to it. */
  takeBack(): Waiting[] {
    const bound = this.#pending.map(({ waiting }) => waiting);
    this.#pending = [];
    for (const replica of this.replicas) {
      bound.push(...[...replica.bound.values()].map(({ waiting }) => waiting), ...replica.queue);
      replica.bound.clear();
      replica.queue.length = 0;
    }
    return bound;
  }
}
