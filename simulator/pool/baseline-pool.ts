// A pool whose router is one of the baselines: replicas stand where the baseline has them, and requests are bound to them at
// arrival or when a slot is free.
import type { Baseline, Router, VisibleRequest } from "../baselines/baseline.ts";
import { blockTokens } from "../engine/prefix.ts";
import type { Random } from "../random.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import { BaselineMachine, BaselineReplica, type Waiting } from "./baseline-machine.ts";
import { initialModels } from "./placements.ts";
import { memoryShare, type Pool, type PoolParts } from "./pool.ts";
import type { LoggedRequest } from "./request-log.ts";

/** Heartbeats of 500 ms, four missed (study 2.8). */
const detectionMs = 2000;

export class BaselinePool implements Pool {
  readonly problems: readonly string[];
  readonly #parts: PoolParts;
  readonly #baseline: Baseline;
  readonly #router: Router;
  readonly #machines: readonly BaselineMachine[];
  readonly #replicas: readonly BaselineReplica[];
  readonly #central: Waiting[] = [];

  constructor(baseline: Baseline, random: Random, parts: PoolParts) {
    this.#parts = parts;
    this.#baseline = baseline;
    this.#router = baseline.start(random);
    this.problems = parts.log.problems;
    const { time, machines, savedStates } = parts;
    const onTurn = (waiting: Waiting, replica: BaselineReplica): void => this.#enter(waiting, replica);
    const onReady = (replica: BaselineReplica): void => this.#startQueued(replica);
    this.#machines = machines.map((profile) => new BaselineMachine({ time, profile, savedStates, onTurn, onReady }));
    this.#replicas = this.#makeReplicas();
  }

  readonly isReady = (): boolean => true;

  get loads(): number {
    return this.#machines.reduce((sum, { loads }) => sum + loads, 0);
  }

  readonly submit = (request: WorkloadRequest): void => {
    const { time, log } = this.#parts;
    const logged = log.arrive(request, time.nowMs);
    this.#place({ logged, visible: visibleOf(logged), boundAtMs: 0 });
  };

  readonly loseMachine = (index: number, downMs: number): void => {
    const { time } = this.#parts;
    const machine = this.#machines[index];
    if (machine === undefined || machine.isDown) return;
    const lost = machine.switchOff();
    time.after(detectionMs, () => {
      machine.isKnownDown = true;
      this.#takeBack(machine);
    });
    time.after(Math.max(downMs, detectionMs + 1), () => machine.switchOn(lost));
  };

  /** Those that are there; where models come on demand, all that could be. */
  #makeReplicas(): BaselineReplica[] {
    const { models } = this.#parts;
    const { places = "filled" } = this.#baseline;
    const initial = initialModels(places, this.#parts);
    const all: BaselineReplica[] = [];
    for (const [index, machine] of this.#machines.entries()) {
      const placed = initial[index] ?? [];
      const budgetBytes = memoryShare * machine.profile.memoryBytes;
      const possible = places === "on-demand" ? models.filter(({ bytes }) => bytes <= budgetBytes) : placed;
      for (const model of possible) {
        const replica = new BaselineReplica(all.length, model, machine);
        machine.replicas.push(replica);
        if (placed.includes(model)) machine.place(replica);
        all.push(replica);
      }
    }
    return all;
  }

  /** Everything that was bound to it starts again elsewhere, with the tokens that came. */
  #takeBack(machine: BaselineMachine): void {
    const bound = machine.takeBack();
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

  #choose({ visible }: Waiting, isOpen: (replica: BaselineReplica) => boolean): BaselineReplica | null {
    const open = this.#replicas.filter(
      (replica) => replica.model.name === visible.model && this.#isKnown(replica) && isOpen(replica),
    );
    if (open.length === 0) return null;
    const chosen = this.#router.choose(visible, open, this.#parts.time.nowMs);
    return chosen === null ? null : (open.find(({ index }) => index === chosen.index) ?? null);
  }

  /** Whether the router takes it for one that can be used: it learns of a loss late. */
  #isKnown({ state, machine }: BaselineReplica): boolean {
    return !machine.isKnownDown && (this.#baseline.places === "on-demand" || state !== "loading");
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
      const chosen = this.#choose(waiting, binds === "slot" ? ({ hasFreeSlot }) => hasFreeSlot : () => true);
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
      (replica) => replica.model.name === model && this.#isKnown(replica) && replica.hasFreeSlot,
    );
  }

  #inOrder(): Waiting[] {
    const order = this.#router.order?.(this.#central.map(({ visible }) => visible));
    if (order === undefined) return [...this.#central];
    const places = new Map(order.map((visible, place) => [visible, place]));
    const placeOf = ({ visible }: Waiting): number => places.get(visible) ?? 0;
    return [...this.#central].sort((one, other) => placeOf(one) - placeOf(other));
  }

  #bind(waiting: Waiting, replica: BaselineReplica): void {
    waiting.boundAtMs = this.#parts.time.nowMs;
    replica.machine.take(waiting, replica);
  }

  #enter(waiting: Waiting, replica: BaselineReplica): void {
    // The router may not know that the machine is gone: it is taken back when it does.
    if (replica.state === "ready" && replica.hasFreeSlot) this.#start(waiting, replica);
    else replica.queue.push(waiting);
  }

  #startQueued(replica: BaselineReplica): void {
    while (replica.state === "ready" && replica.hasFreeSlot) {
      const next = replica.queue.shift();
      if (next === undefined) break;
      this.#start(next, replica);
    }
    replica.machine.advance();
    this.#drainCentral();
  }

  #start(waiting: Waiting, replica: BaselineReplica): void {
    const { time, log } = this.#parts;
    const { logged, visible } = waiting;
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

  #end(waiting: Waiting, replica: BaselineReplica): void {
    const { time, log } = this.#parts;
    replica.bound.delete(waiting.logged);
    replica.usedAtMs = time.nowMs;
    log.end(waiting.logged, time.nowMs, false);
    const result = { ms: time.nowMs - waiting.boundAtMs, generatedTokens: waiting.logged.tokens };
    this.#router.finished?.(replica, waiting.visible, result);
    this.#startQueued(replica);
  }
}

function visibleOf({ request, tokens, arrivedAtMs }: LoggedRequest): VisibleRequest {
  const { model, tenant, promptTokens } = request;
  const blocks = request.blocks.slice(0, Math.floor(promptTokens / blockTokens));
  return { model, tenant, promptTokens, blocks, emittedTokens: tokens, arrivedAtMs };
}
