// A pool whose router is one of the baselines: replicas stand where they fit, and requests are bound to them at arrival or
// when a slot is free.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import type { AttemptView, Baseline, ReplicaView, Router, VisibleRequest } from "../baselines/baseline.ts";
import { Device } from "../engine/device.ts";
import { KvStore } from "../engine/kv-store.ts";
import { blockTokens } from "../engine/prefix.ts";
import { ReplicaEngine, type Running } from "../engine/replica-engine.ts";
import type { Random } from "../random.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import { fittingModels, loadMsOf, type Pool, type PoolModel, type PoolParts } from "./pool.ts";
import type { LoggedRequest } from "./request-log.ts";

/** Heartbeats of 500 ms, four missed (study 2.8). */
const detectionMs = 2000;

type Waiting = { readonly logged: LoggedRequest; readonly visible: VisibleRequest; boundAtMs: number };
type Attempt = { readonly waiting: Waiting; readonly running: Running };

class Replica implements ReplicaView {
  readonly index: number;
  readonly model: PoolModel;
  readonly machine: number;
  readonly bound = new Map<LoggedRequest, Attempt>();
  readonly queue: Waiting[] = [];
  engine: ReplicaEngine;
  /** Its machine is gone, whether or not the router knows. */
  isDown = false;
  isKnownDown = false;

  constructor(index: number, place: { model: PoolModel; machine: number }, engine: ReplicaEngine) {
    this.index = index;
    this.model = place.model;
    this.machine = place.machine;
    this.engine = engine;
  }

  get profile() {
    return this.engine.profile;
  }

  get running(): number {
    return this.bound.size;
  }

  get queued(): number {
    return this.queue.length;
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

export class BaselinePool implements Pool {
  readonly problems: readonly string[];
  readonly #parts: PoolParts;
  readonly #baseline: Baseline;
  readonly #router: Router;
  readonly #replicas: Replica[] = [];
  readonly #central: Waiting[] = [];

  constructor(baseline: Baseline, random: Random, parts: PoolParts) {
    this.#parts = parts;
    this.#baseline = baseline;
    this.#router = baseline.start(random);
    this.problems = parts.log.problems;
    for (const [machine, profile] of parts.machines.entries()) {
      const device = new Device(parts.time);
      for (const model of fittingModels(profile, parts.models)) {
        const engine = this.#makeEngine(model, machine, device);
        this.#replicas.push(new Replica(this.#replicas.length, { model, machine }, engine));
      }
    }
  }

  readonly isReady = (): boolean => true;

  readonly submit = (request: WorkloadRequest): void => {
    const { time, log } = this.#parts;
    const logged = log.arrive(request, time.nowMs);
    this.#place({ logged, visible: visibleOf(logged), boundAtMs: 0 });
  };

  readonly loseMachine = (machine: number, downMs: number): void => {
    const { time } = this.#parts;
    const lost = this.#replicas.filter((replica) => replica.machine === machine && !replica.isDown);
    for (const replica of lost) {
      replica.isDown = true;
      replica.engine.switchOff();
    }
    time.after(detectionMs, () => {
      for (const replica of lost) replica.isKnownDown = true;
      for (const replica of lost) this.#takeBack(replica);
    });
    time.after(Math.max(downMs, detectionMs + 1), () => this.#revive(lost));
  };

  #makeEngine(model: PoolModel, machine: number, device: Device): ReplicaEngine {
    const { time, machines, savedStates } = this.#parts;
    const profile = machines[machine];
    if (profile === undefined) throw new Error("assertion failed: a replica stands on a machine");
    const store = savedStates === 0 ? null : new KvStore(savedStates);
    return new ReplicaEngine({ time, device, profile: model.profileOn(profile), store });
  }

  #revive(lost: readonly Replica[]): void {
    const device = new Device(this.#parts.time);
    for (const replica of lost) {
      this.#parts.time.after(loadMsOf(replica.model, true), () => {
        replica.engine = this.#makeEngine(replica.model, replica.machine, device);
        replica.isDown = false;
        replica.isKnownDown = false;
        this.#drainCentral();
      });
    }
  }

  /** Everything that was bound to it starts again elsewhere, with the tokens that came. */
  #takeBack(replica: Replica): void {
    const bound = [...[...replica.bound.values()].map(({ waiting }) => waiting), ...replica.queue];
    replica.bound.clear();
    replica.queue.length = 0;
    bound.sort((a, b) => a.logged.arrivedAtMs - b.logged.arrivedAtMs);
    const again = bound.map(({ logged }) => ({ logged, visible: visibleOf(logged), boundAtMs: 0 }));
    if (this.#baseline.binds !== "arrival") this.#central.unshift(...again);
    else for (const waiting of again) this.#place(waiting);
    this.#drainCentral();
  }

  #place(waiting: Waiting): void {
    if (this.#baseline.binds !== "arrival") {
      this.#central.push(waiting);
      this.#drainCentral();
      return;
    }
    const chosen = this.#choose(waiting, () => true);
    // No replica of the model at the moment: it waits until one is back.
    if (chosen === null) this.#central.push(waiting);
    else this.#bind(waiting, chosen);
  }

  #choose({ visible }: Waiting, isOpen: (replica: Replica) => boolean): Replica | null {
    const open = this.#replicas.filter(
      (replica) => replica.model.name === visible.model && !replica.isKnownDown && isOpen(replica),
    );
    if (open.length === 0) return null;
    const chosen = this.#router.choose(visible, open, this.#parts.time.nowMs);
    return chosen === null ? null : (open.find(({ index }) => index === chosen.index) ?? null);
  }

  /** First come, first served within a model; a model without a free slot does not hold up the others. */
  #drainCentral(): void {
    if (this.#central.length === 0) return;
    const { binds } = this.#baseline;
    const blocked = new Set<string>();
    this.#router.beginPass?.();
    for (const waiting of this.#inOrder()) {
      const { model } = waiting.visible;
      if (blocked.has(model)) continue;
      const chosen = this.#choose(waiting, binds === "slot" ? hasFreeSlot : () => true);
      if (chosen !== null) {
        this.#central.splice(this.#central.indexOf(waiting), 1);
        this.#bind(waiting, chosen);
      }
      const isOver = binds === "plan" ? !this.#hasFreeSlot(model) : chosen === null;
      if (isOver) blocked.add(model);
    }
  }

  #hasFreeSlot(model: string): boolean {
    return this.#replicas.some(
      (replica) => replica.model.name === model && !replica.isKnownDown && hasFreeSlot(replica),
    );
  }

  #inOrder(): Waiting[] {
    const order = this.#router.order?.(this.#central.map(({ visible }) => visible));
    if (order === undefined) return [...this.#central];
    const places = new Map(order.map((visible, place) => [visible, place]));
    const placeOf = ({ visible }: Waiting): number => places.get(visible) ?? 0;
    return [...this.#central].sort((one, other) => placeOf(one) - placeOf(other));
  }

  #bind(waiting: Waiting, replica: Replica): void {
    waiting.boundAtMs = this.#parts.time.nowMs;
    if (replica.bound.size < replica.profile.slots) this.#start(waiting, replica);
    else replica.queue.push(waiting);
  }

  #start(waiting: Waiting, replica: Replica): void {
    const { time, log } = this.#parts;
    const { logged, visible } = waiting;
    if (replica.isDown) {
      // The router does not know yet: it is taken back when it does.
      replica.queue.push(waiting);
      return;
    }
    const running = replica.engine.start({
      blocks: visible.blocks,
      promptTokens: visible.promptTokens + visible.emittedTokens,
      outputTokens: logged.request.outputTokens - logged.tokens,
      listener: {
        accepted: (cachedTokens) => log.accept(logged, cachedTokens),
        evaluated: () => {},
        token: () => log.token(logged, time.nowMs),
        ended: () => this.#end(waiting, replica),
      },
    });
    replica.bound.set(logged, { waiting, running });
  }

  #end(waiting: Waiting, replica: Replica): void {
    const { time, log } = this.#parts;
    replica.bound.delete(waiting.logged);
    log.end(waiting.logged, time.nowMs, false);
    const result = { ms: time.nowMs - waiting.boundAtMs, generatedTokens: waiting.logged.tokens };
    this.#router.finished?.(replica, waiting.visible, result);
    const next = replica.queue.shift();
    if (next !== undefined) this.#start(next, replica);
    this.#drainCentral();
  }
}

function hasFreeSlot({ bound, profile }: Replica): boolean {
  return bound.size < profile.slots;
}

function visibleOf({ request, tokens, arrivedAtMs }: LoggedRequest): VisibleRequest {
  const { model, tenant, promptTokens } = request;
  const blocks = request.blocks.slice(0, Math.floor(promptTokens / blockTokens));
  return { model, tenant, promptTokens, blocks, emittedTokens: tokens, arrivedAtMs };
}
