// A coordinator's process: the real decisions about the lease, and the active coordinator for as long as it holds it. What
// `coordinator/succession.ts`, `nats/lease-keeper.ts` and `nats/coordinator-feed.ts` do, on virtual time.
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import {
  type CoordinatorAddress,
  defaultLeaseConfig,
  initialLease,
  isLeading,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  otherHolder,
  stepLease,
} from "@pomona/coordinator/core/lease";
import { unreachable } from "@pomona/shared/core/assert";
import type { Random } from "./random.ts";
import type { SimulatedCoordinator } from "./simulated-coordinator.ts";
import { NatsLine, type SimulatedNats } from "./simulated-nats.ts";
import type { VirtualTime } from "./virtual-time.ts";

const leaseTickMs = 50;
const newsEveryMs = 1000;
const rivalMs = 60_000;
const askOthersEveryMs = 500;

/** A machine that coordinators run on, one process after the other, and what its disk keeps. */
export type CoordinatorMachine = {
  readonly self: CoordinatorAddress;
  term: number;
  holder: string | null;
  /** Nothing passes between it and anything else. */
  isCutOff: boolean;
  /** Nothing passes between it and NATS. */
  isWithoutNats: boolean;
  /** Nothing passes between it and other coordinators. */
  isWithoutOthers: boolean;
};

export function newCoordinatorMachine(index: number): CoordinatorMachine {
  const id = `coordinator-${index}`;
  const self = { id, httpAddress: `${id}:1`, grpcAddress: `${id}:2` };
  return { self, term: 0, holder: null, isCutOff: false, isWithoutNats: false, isWithoutOthers: false };
}

export type ProcessParts = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly nats: SimulatedNats;
  readonly otherProcesses: () => readonly CoordinatorProcess[];
  readonly startActive: (process: CoordinatorProcess) => SimulatedCoordinator;
  /** It leads no more, and knows nothing of its requests any more. */
  readonly onClosed: (active: SimulatedCoordinator) => void;
  /** Reads what administrators want: some of it may have been missed. */
  readonly resync: (active: SimulatedCoordinator) => void;
};

export class CoordinatorProcess {
  readonly machine: CoordinatorMachine;
  readonly #parts: ProcessParts;
  readonly #lease: LeaseState;
  readonly #line: NatsLine;
  readonly #heardAtMs = new Map<string, number>();
  #active: SimulatedCoordinator | null = null;
  #isWanted = false;
  #ledTerm = 0;
  #pausedUntilMs = 0;
  isDead = false;
  clockRate = 1;
  #clockSetAtMs = 0;
  #clockThen = 0;

  constructor(machine: CoordinatorMachine, parts: ProcessParts) {
    const { time, nats, random } = parts;
    this.machine = machine;
    this.#parts = parts;
    this.#lease = initialLease(machine.self, {
      startedAtMs: this.#clockMs,
      term: machine.term,
      rememberedHolder: machine.holder,
    });
    this.#line = new NatsLine({
      ...{ nats, time, random },
      isCut: () => machine.isCutOff || machine.isWithoutNats,
      wake: (run) => this.#wake(run),
      onLease: (event) => this.#take(event),
      onNews: ({ id, isLeaving }) => {
        if (isLeaving) this.#heardAtMs.delete(id);
        else this.#heardAtMs.set(id, time.nowMs);
        this.#lookForRivals();
      },
      onStatus: (isConnected) => {
        if (isConnected && this.#active !== null) parts.resync(this.#active);
        if (isConnected) this.#tellOthers();
      },
    });
    this.#every(leaseTickMs, () => this.#take({ kind: "tick" }));
    this.#every(newsEveryMs, () => this.#tellOthers());
    this.#every(askOthersEveryMs, () => this.#askOthers());
  }

  /** null for a standby. */
  get active(): SimulatedCoordinator | null {
    return this.#active;
  }

  /** The active one, if it may act as such now. Looks at its clock: a pause may lie behind it. */
  get leading(): SimulatedCoordinator | null {
    if (this.isDead || this.pausedForMs > 0) return null;
    this.#take({ kind: "tick" });
    return isLeading(this.#lease, this.#clockMs) ? this.#active : null;
  }

  get term(): number {
    return this.#lease.reign?.term ?? this.#lease.term;
  }

  /** What nodes are told: the term that made it the active one. */
  get ledTerm(): number {
    return this.#ledTerm;
  }

  /** Somebody has heard of this term: whoever is active with a lower one gives up. */
  supersede(term: number): void {
    if (!this.isDead && term > this.term) this.#take({ kind: "superseded", term });
  }

  get isConnected(): boolean {
    return !this.isDead && this.#line.isConnected;
  }

  /** Whom a standby forwards to; null for nobody. */
  get otherHolderId(): string | null {
    return otherHolder(this.#lease)?.id ?? null;
  }

  /** For how long it is stopped (SIGSTOP). */
  get pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#parts.time.nowMs);
  }

  get #clockMs(): number {
    return this.#clockThen + (this.#parts.time.nowMs - this.#clockSetAtMs) * this.clockRate;
  }

  setClockRate(rate: number): void {
    this.#clockThen = this.#clockMs;
    this.#clockSetAtMs = this.#parts.time.nowMs;
    this.clockRate = rate;
  }

  /** Its timers ring before it reads what has come meanwhile. */
  pause(ms: number): void {
    const { time, random } = this.#parts;
    this.#pausedUntilMs = time.nowMs + ms;
    const isLeaseFirst = random.chance(0.5);
    time.after(ms, () => {
      if (this.isDead) return;
      if (isLeaseFirst) this.#take({ kind: "tick" });
      this.#active?.wasAway(ms);
    });
  }

  /** Something was published over NATS. */
  hear(event: ClusterEvent): void {
    this.#line.hear(() => this.#active?.take(event));
  }

  /** Its connection to NATS breaks, and it notices. */
  resetLine(): void {
    this.#line.reset();
  }

  /** kill -9. */
  kill(): void {
    this.isDead = true;
    this.#line.close();
    this.#closeActive();
  }

  /** In order: what it holds of the lease is given back. */
  stop(): void {
    this.#isWanted = false;
    this.#closeActive();
    this.#line.publish({ id: this.machine.self.id, isLeaving: true });
    this.#take({ kind: "closing" });
    // What it has written may still arrive.
    this.isDead = true;
    this.#parts.time.after(1000, () => this.#line.close());
  }

  #every(ms: number, run: () => void): void {
    this.#parts.time.every(ms, () => {
      if (!this.isDead && this.pausedForMs === 0) run();
      return !this.isDead;
    });
  }

  #wake(run: () => void): void {
    if (this.isDead) return;
    if (this.pausedForMs > 0) this.#parts.time.after(this.pausedForMs, () => this.#wake(run));
    else run();
  }

  #take(event: LeaseEvent): void {
    const state = this.#lease;
    for (const effect of stepLease(event, { state, nowMs: this.#clockMs, config: defaultLeaseConfig }))
      this.#carryOut(effect);
    const { seen, reign, self, term } = state;
    const holder = reign === null ? (seen?.record?.holder?.id ?? null) : self.id;
    if (holder !== null) Object.assign(this.machine, { term, holder });
  }

  #carryOut(effect: LeaseEffect): void {
    switch (effect.kind) {
      case "write":
        this.#line.write(effect.write);
        break;
      case "read":
        this.#line.read();
        break;
      case "lead":
        this.#lead(effect.term);
        break;
      case "follow":
        this.#isWanted = false;
        this.#closeActive();
        break;
      default:
        unreachable(effect);
    }
  }

  #lead(term: number): void {
    const { time, random, startActive } = this.#parts;
    this.#ledTerm = term;
    if (this.#isWanted) return;
    this.#isWanted = true;
    time.after(random.between(5, 50), () =>
      this.#wake(() => {
        if (this.#isWanted) this.#active ??= startActive(this);
      }),
    );
  }

  #closeActive(): void {
    const active = this.#active;
    this.#active = null;
    if (active === null) return;
    active.close();
    this.#parts.onClosed(active);
  }

  #tellOthers(): void {
    this.#line.publish({ id: this.machine.self.id, isLeaving: false });
    this.#lookForRivals();
  }

  #lookForRivals(): void {
    if (!this.isConnected) return;
    for (const [id, heardAtMs] of this.#heardAtMs)
      if (this.#parts.time.nowMs - heardAtMs > rivalMs) this.#heardAtMs.delete(id);
    const areThere = this.#heardAtMs.size > 0;
    if (areThere !== this.#lease.hasRivals) this.#take({ kind: "rivals", areThere });
  }

  /** While NATS is away: it may be so for this one alone, and another one active. */
  #askOthers(): void {
    const { time, random, otherProcesses } = this.#parts;
    if (this.isConnected || this.#active === null || !this.#reachesOthers) return;
    for (const other of otherProcesses()) {
      const isKnown = this.#heardAtMs.has(other.machine.self.id);
      if (!isKnown || other.isDead || other.pausedForMs > 0 || !other.#reachesOthers) continue;
      const term = other.active === null ? 0 : other.term;
      time.after(random.between(1, 20), () => this.#wake(() => this.supersede(term)));
    }
  }

  get #reachesOthers(): boolean {
    return !this.machine.isCutOff && !this.machine.isWithoutOthers;
  }
}
