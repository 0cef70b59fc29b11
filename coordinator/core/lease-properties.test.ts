// Coordinators with clocks of their own, a server that compares and sets, and a network that takes its time.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  defaultLeaseConfig as config,
  initialLease,
  isLeading,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseRecord,
  type LeaseState,
  type LeaseWrite,
  stepLease,
} from "./lease.ts";

const tickMs = 50;

type Disturbance =
  | { readonly kind: "pause"; readonly atMs: number; readonly lastsMs: number; readonly who: number }
  | { readonly kind: "kill"; readonly atMs: number; readonly who: number }
  | { readonly kind: "outage"; readonly atMs: number; readonly lastsMs: number; readonly loses: boolean };

type Scenario = {
  /** Of one message, drawn anew for each: up to this. */
  readonly delayMaxMs: number;
  readonly clocks: readonly { readonly offsetMs: number; readonly speed: number }[];
  readonly disturbances: readonly Disturbance[];
  readonly seed: number;
};

type Machine = {
  readonly index: number;
  readonly state: LeaseState;
  pausedUntilMs: number;
  isDead: boolean;
  readonly queue: LeaseEvent[];
  bucket: number;
  /** Counts its connections to the server: what comes over an old one is not read any more. */
  connection: number;
};

/** Runs in true time; a machine knows its own clock alone. */
class World {
  readonly machines: readonly Machine[];
  readonly #scenario: Scenario;
  readonly #schedule: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;
  #random: number;
  #kept: { revision: number; record: LeaseRecord | null } = { revision: 0, record: null };
  #bucket = 1;
  #isUp = true;
  nowMs = 0;
  leaders: { readonly atMs: number; readonly who: readonly number[] }[] = [];
  readonly terms: number[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#random = scenario.seed;
    this.machines = scenario.clocks.map((_, index) => {
      const self = { id: String(index), httpAddress: `h${index}`, grpcAddress: `g${index}` };
      const known = { startedAtMs: this.#clockOf(index), term: 0, rememberedHolder: null };
      const state = { ...initialLease(self, known), hasRivals: true };
      return { index, state, pausedUntilMs: 0, isDead: false, queue: [], bucket: 0, connection: 0 };
    });
    for (const machine of this.machines) {
      this.#connect(machine);
      this.#tickLater(machine);
    }
    for (const disturbance of scenario.disturbances) this.#at(disturbance.atMs, () => this.#disturb(disturbance));
  }

  run(untilMs: number): void {
    for (;;) {
      this.#schedule.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const next = this.#schedule[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#schedule.shift();
      // Leases run out between events as well: nobody is looked at in a moment that nothing happens in.
      this.nowMs = next.atMs;
      next.run();
      this.#look();
    }
    this.nowMs = untilMs;
  }

  /** Who acts as the active one now. Who is paused does nothing. */
  acting(): number[] {
    return this.machines
      .filter((machine) => !machine.isDead && this.nowMs >= machine.pausedUntilMs)
      .filter(({ state, index }) => isLeading(state, this.#clockOf(index)))
      .map(({ index }) => index);
  }

  #look(): void {
    const who = this.acting();
    const last = this.leaders.at(-1)?.who ?? [];
    if (who.join() !== last.join()) this.leaders.push({ atMs: this.nowMs, who });
  }

  #clockOf(index: number): number {
    const { offsetMs = 0, speed = 1 } = this.#scenario.clocks[index] ?? {};
    return offsetMs + this.nowMs * speed;
  }

  /** https://en.wikipedia.org/wiki/Xorshift */
  #draw(): number {
    let x = this.#random | 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return (x >>> 0) / 2 ** 32;
  }

  #at(atMs: number, run: () => void): void {
    this.#order += 1;
    this.#schedule.push({ atMs, order: this.#order, run });
  }

  #after(run: () => void, maxMs = this.#scenario.delayMaxMs): void {
    this.#at(this.nowMs + this.#draw() * maxMs, run);
  }

  #tickLater(machine: Machine): void {
    this.#at(this.nowMs + tickMs, () => {
      if (machine.isDead) return;
      if (this.nowMs < machine.pausedUntilMs) {
        this.#at(machine.pausedUntilMs, () => this.#tickLater(machine));
        return;
      }
      this.#tell(machine, { kind: "tick" });
      this.#tickLater(machine);
    });
  }

  /** Tells what the server sent, a while later. */
  #send(machine: Machine, event: LeaseEvent): void {
    const { connection } = machine;
    this.#after(() => {
      if (machine.connection === connection) this.#tell(machine, event);
      else if (event.kind !== "seen") this.#tell(machine, { kind: "unavailable" });
    });
  }

  #tell(machine: Machine, event: LeaseEvent): void {
    if (machine.isDead) return;
    if (this.nowMs < machine.pausedUntilMs) {
      machine.queue.push(event);
      return;
    }
    const nowMs = this.#clockOf(machine.index);
    const effects = stepLease(event, { state: machine.state, nowMs, config });
    for (const effect of effects) this.#carryOut(machine, effect);
  }

  #carryOut(machine: Machine, effect: LeaseEffect): void {
    if (effect.kind === "write") this.#write(machine, effect.write);
    if (effect.kind === "lead") this.terms.push(effect.term);
    if (effect.kind !== "read") return;
    this.#after(() => {
      if (!this.#isUp) return;
      const { revision, record } = this.#kept;
      this.#send(machine, { kind: "seen", revision, record, isNewBucket: false });
    });
  }

  #write(machine: Machine, write: LeaseWrite): void {
    this.#after(() => {
      if (!this.#isUp) {
        this.#send(machine, { kind: "unavailable" });
        return;
      }
      if (this.#kept.revision !== write.revision) {
        this.#send(machine, { kind: "conflict" });
        return;
      }
      this.#kept = { revision: write.revision + 1, record: write.record };
      const { revision, record } = this.#kept;
      // Every tenth answer is lost: it was written all the same.
      const isLost = this.#draw() < 0.1;
      this.#send(machine, isLost ? { kind: "unavailable" } : { kind: "written", write, revision });
      for (const each of this.machines) this.#send(each, { kind: "seen", revision, record, isNewBucket: false });
    });
  }

  #connect(machine: Machine): void {
    // Within what the margin covers: whoever comes last holds the lease for as long as others wait.
    this.#after(() => {
      if (!this.#isUp) return;
      const { revision, record } = this.#kept;
      const isNewBucket = machine.bucket !== 0 && machine.bucket !== this.#bucket;
      machine.bucket = this.#bucket;
      this.#tell(machine, { kind: "seen", revision, record, isNewBucket });
    }, 400);
  }

  #lose(machine: Machine): void {
    machine.connection += 1;
    this.#tell(machine, { kind: "away" });
  }

  #disturb(disturbance: Disturbance): void {
    if (disturbance.kind === "outage") {
      this.#isUp = false;
      for (const machine of this.machines) this.#after(() => this.#lose(machine), 400);
      this.#at(this.nowMs + disturbance.lastsMs, () => {
        this.#isUp = true;
        if (disturbance.loses) {
          this.#bucket += 1;
          this.#kept = { revision: 0, record: null };
        }
        for (const machine of this.machines) this.#connect(machine);
      });
      return;
    }
    const machine = this.machines[disturbance.who % this.machines.length];
    assert.ok(machine !== undefined);
    if (disturbance.kind === "kill") {
      machine.isDead = true;
      return;
    }
    machine.pausedUntilMs = this.nowMs + disturbance.lastsMs;
    this.#at(machine.pausedUntilMs, () => {
      // Timers are looked at before what came meanwhile is read, or after it.
      if (this.#draw() < 0.5) this.#tell(machine, { kind: "tick" });
      this.#look();
      for (const event of machine.queue.splice(0)) this.#tell(machine, event);
    });
  }
}

const slowestClock = 0.95;
const clock = fc.record({
  offsetMs: fc.integer({ min: -1e9, max: 1e9 }),
  speed: fc.double({ min: slowestClock, max: 1.05, noNaN: true }),
});
const who = fc.integer({ min: 0, max: 2 });
const atMs = fc.integer({ min: 0, max: 20_000 });
const pause = fc.record({
  kind: fc.constant("pause" as const),
  atMs,
  // About as long as a lease is where it is told whether it still holds.
  lastsMs: fc.oneof(fc.integer({ min: 100, max: 8000 }), fc.integer({ min: 1000, max: 2500 })),
  who,
});
const clocks = fc.array(clock, { minLength: 3, maxLength: 3 });
const seed = fc.integer({ min: 1, max: 2 ** 31 - 1 });

function leadersOf(scenario: Scenario, untilMs: number): World {
  const world = new World(scenario);
  world.run(untilMs);
  return world;
}

function checkOne(world: World): void {
  for (const { atMs: at, who: active } of world.leaders)
    assert.ok(active.length <= 1, `${active.join(" and ")} are active at ${at} ms`);
  assert.equal(new Set(world.terms).size, world.terms.length, `terms ${world.terms.join()} come once each`);
}

test("never are two active, whatever messages, clocks and pauses do", () => {
  const scenario = fc.record({
    delayMaxMs: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 3000 })),
    clocks,
    disturbances: fc.array(pause, { maxLength: 12 }),
    seed,
  });
  fc.assert(
    fc.property(scenario, (drawn) => checkOne(leadersOf(drawn, 30_000))),
    { numRuns: 500 },
  );
});

test("never are two active when some are paused while NATS is away", () => {
  const scenario = fc.record({
    delayMaxMs: fc.integer({ min: 0, max: 50 }),
    clocks,
    disturbances: fc.tuple(
      fc.record({
        kind: fc.constant("outage" as const),
        atMs: fc.integer({ min: 3000, max: 5000 }),
        lastsMs: fc.integer({ min: 500, max: 8000 }),
        loses: fc.constant(false),
      }),
      fc.record({
        kind: fc.constant("pause" as const),
        atMs: fc.integer({ min: 3000, max: 12_000 }),
        lastsMs: fc.integer({ min: 100, max: 15_000 }),
        who,
      }),
    ),
    seed,
  });
  fc.assert(
    fc.property(scenario, (drawn) => checkOne(leadersOf(drawn, 40_000))),
    { numRuns: 500 },
  );
});

test("never are two active when NATS goes away for all and comes back, empty or not", () => {
  const outage = fc.record({
    kind: fc.constant("outage" as const),
    atMs: fc.integer({ min: 3000, max: 8000 }),
    lastsMs: fc.integer({ min: 500, max: 10_000 }),
    loses: fc.boolean(),
  });
  const scenario = fc.record({
    delayMaxMs: fc.integer({ min: 0, max: 100 }),
    clocks,
    disturbances: fc.tuple(outage),
    seed,
  });
  fc.assert(
    fc.property(scenario, (drawn) => {
      const world = leadersOf(drawn, 30_000);
      for (const { atMs: at, who: active } of world.leaders)
        assert.ok(active.length <= 1, `${active.join(" and ")} are active at ${at} ms`);
      // Generation went on: the one who was active before is so at the end.
      const [disturbance] = drawn.disturbances;
      const before = world.leaders.findLast((change) => change.atMs <= disturbance.atMs);
      assert.deepEqual(world.acting(), before?.who);
    }),
    { numRuns: 200 },
  );
});

test("2.5 s after the death of the active one, by the slowest clock, another one is active", () => {
  const scenario = fc.record({
    delayMaxMs: fc.integer({ min: 0, max: 50 }),
    clocks,
    disturbances: fc.tuple(
      fc.record({ kind: fc.constant("kill" as const), atMs: fc.integer({ min: 5000, max: 10_000 }), who }),
    ),
    seed,
  });
  fc.assert(
    fc.property(scenario, (drawn) => {
      const [kill] = drawn.disturbances;
      const world = leadersOf(drawn, kill.atMs + 2500 / slowestClock);
      checkOne(world);
      const active = world.acting();
      assert.equal(active.length, 1);
      assert.notEqual(active[0], kill.who);
    }),
    { numRuns: 200 },
  );
});
