import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultLeaseConfig as config,
  initialLease,
  isLeading,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseRecord,
  type LeaseState,
  type LeaseWrite,
  otherHolder,
  stepLease,
} from "./lease.ts";

const self = { id: "a", httpAddress: "10.0.0.1:8484", grpcAddress: "10.0.0.1:8485" };
const other = { id: "b", httpAddress: "10.0.0.2:8484", grpcAddress: "10.0.0.2:8485" };
const first = { startedAtMs: 0, term: 0, rememberedHolder: null };

/** One coordinator whose events come at given times; what it writes is kept. */
class Seat {
  readonly state: LeaseState;
  nowMs = 0;
  effects: readonly LeaseEffect[] = [];

  constructor(known: { startedAtMs: number; term: number; rememberedHolder: string | null } = first) {
    this.state = initialLease(self, known);
    this.take({ kind: "rivals", areThere: true });
  }

  take(event: LeaseEvent): this {
    this.effects = stepLease(event, { state: this.state, nowMs: this.nowMs, config });
    return this;
  }

  see(revision: number, record: LeaseRecord | null, isNewBucket = false): this {
    return this.take({ kind: "seen", revision, record, isNewBucket });
  }

  at(nowMs: number): this {
    this.nowMs = nowMs;
    return this;
  }

  tick(): this {
    return this.take({ kind: "tick" });
  }

  /** Ticks every 50 ms up to a time. */
  runTo(nowMs: number): this {
    while (this.nowMs < nowMs) this.at(Math.min(nowMs, this.nowMs + 50)).tick();
    return this;
  }

  write(): LeaseWrite {
    for (const effect of this.effects) if (effect.kind === "write") return effect.write;
    throw new Error(`no write among ${JSON.stringify(this.effects)}`);
  }

  get leads(): boolean {
    return isLeading(this.state, this.nowMs);
  }

  kinds(): string[] {
    return this.effects.map(({ kind }) => kind);
  }
}

/** Active with term 1 since time 0, at revision 1. */
function leader(): Seat {
  const seat = new Seat().see(0, null);
  return seat.take({ kind: "written", write: seat.write(), revision: 1 });
}

test("a bucket that never had a holder is taken at once, with term 1", () => {
  const seat = new Seat().see(0, null);
  assert.deepEqual(seat.write(), { revision: 0, record: { holder: self, term: 1 }, sentAtMs: 0 });
  seat.take({ kind: "written", write: seat.write(), revision: 1 });
  assert.deepEqual(seat.effects, [{ kind: "lead", term: 1 }]);
  assert.equal(seat.leads, true);
});

test("a lease is taken over when its revision did not change for 2 s since it was seen, with the next term", () => {
  const seat = new Seat().at(10_000).see(7, { holder: other, term: 4 });
  assert.deepEqual(otherHolder(seat.state), { ...other, term: 4 });
  assert.deepEqual(seat.runTo(11_999).effects, []);
  assert.deepEqual(seat.runTo(12_000).write(), { revision: 7, record: { holder: self, term: 5 }, sentAtMs: 12_000 });
});

test("for a standby that was paused the 2 s count from then: it may not have heard yet that NATS was away", () => {
  const seat = new Seat().see(7, { holder: other, term: 4 }).at(5000).tick();
  assert.deepEqual(seat.effects, []);
  assert.deepEqual(seat.runTo(6999).effects, []);
  assert.equal(seat.runTo(7000).write().revision, 7);
});

test("each renewal that is seen begins the 2 s anew, and one that is told twice does not", () => {
  const record = { holder: other, term: 4 };
  const seat = new Seat().see(7, record).runTo(1500).see(8, record).runTo(2000).see(8, record).runTo(3499);
  assert.deepEqual(seat.effects, []);
  assert.equal(seat.runTo(3500).write().revision, 8);
});

test("a lease that was given back, or is an earlier start's own, is taken at once", () => {
  assert.equal(new Seat().see(7, { holder: null, term: 4 }).write().record.term, 5);
  assert.equal(new Seat().see(7, { holder: self, term: 4 }).write().record.term, 5);
});

test("the holder renews every 500 ms, and an echo of its own write is no reason to write", () => {
  const seat = leader();
  seat.at(20).see(1, { holder: self, term: 1 });
  assert.deepEqual(seat.effects, []);
  assert.deepEqual(seat.at(499).tick().effects, []);
  assert.deepEqual(seat.at(500).tick().write(), { revision: 1, record: { holder: self, term: 1 }, sentAtMs: 500 });
});

test("an echo that comes before the answer does not spoil a takeover", () => {
  const seat = new Seat().see(0, null);
  const write = seat.write();
  assert.deepEqual(seat.see(1, write.record).effects, []);
  assert.deepEqual(seat.take({ kind: "written", write, revision: 1 }).effects, [{ kind: "lead", term: 1 }]);
});

test("the holder gives up 1.5 s after it sent the last write that succeeded, not after the answer", () => {
  const seat = leader().runTo(500);
  const write = seat.write();
  seat.at(1200).take({ kind: "written", write, revision: 2 });
  assert.equal(seat.runTo(1999).leads, true);
  assert.equal(seat.at(2000).leads, false);
  assert.equal(seat.tick().kinds()[0], "follow");
});

test("after a pause whatever comes first ends the reign, the loss of the connection as well", () => {
  const events: LeaseEvent[] = [
    { kind: "tick" },
    { kind: "away" },
    { kind: "unavailable" },
    { kind: "seen", revision: 9, record: { holder: other, term: 2 }, isNewBucket: false },
  ];
  for (const event of events) {
    const seat = leader().at(5000).take(event);
    assert.equal(seat.effects[0]?.kind, "follow", event.kind);
    assert.equal(seat.leads, false);
  }
});

test("an answer that comes too late makes nobody active", () => {
  const seat = new Seat().see(0, null);
  const write = seat.write();
  seat.at(1500).take({ kind: "written", write, revision: 1 });
  assert.equal(seat.leads, false);
  // The record is its own: it takes it with a term of its own.
  assert.equal(seat.write().record.term, 2);
});

test("a conflict asks what is there: an own write without an answer is taken up, another holder ends the reign", () => {
  const seat = leader().runTo(500);
  seat.at(1000).tick();
  assert.deepEqual(seat.take({ kind: "conflict" }).effects, [{ kind: "read" }]);
  seat.see(2, { holder: self, term: 1 });
  assert.equal(seat.leads, true);
  assert.equal(seat.at(1100).tick().write().revision, 2);
  assert.equal(seat.see(5, { holder: other, term: 2 }).effects[0]?.kind, "follow");
  assert.deepEqual(otherHolder(seat.state), { ...other, term: 2 });
});

test("while NATS is away the holder goes on, and proves itself when it is back", () => {
  const seat = leader().at(1000).take({ kind: "away" }).runTo(60_000);
  assert.equal(seat.leads, true);
  seat.see(1, { holder: self, term: 1 });
  assert.deepEqual(seat.write(), { revision: 1, record: { holder: self, term: 1 }, sentAtMs: 60_000 });
});

test("while NATS is away a pause ends the reign all the same", () => {
  const seat = leader().at(1000).take({ kind: "away" }).runTo(10_000).at(15_000).tick();
  assert.equal(seat.leads, false);
});

test("a bucket that was lost is written again with the same term by the holder; others wait for it", () => {
  const seat = leader().at(1000).take({ kind: "away" }).runTo(5000).see(0, null, true);
  assert.deepEqual(seat.write(), { revision: 0, record: { holder: self, term: 1 }, sentAtMs: 5000 });
  const standby = new Seat().see(7, { holder: other, term: 4 }).take({ kind: "away" }).at(9000).see(0, null, true);
  assert.deepEqual(standby.effects, []);
  assert.deepEqual(standby.runTo(11_000).write(), {
    revision: 0,
    record: { holder: self, term: 5 },
    sentAtMs: 11_000,
  });
});

test("for a standby the 2 s count from the time that NATS is back", () => {
  const record = { holder: other, term: 4 };
  const seat = new Seat().see(7, record).take({ kind: "away" }).runTo(60_000).see(7, record).runTo(61_999);
  assert.deepEqual(seat.effects, []);
  assert.equal(seat.runTo(62_000).write().revision, 7);
});

test("a holder that knows of no other goes on for as long as nobody else is seen", () => {
  const seat = leader().take({ kind: "rivals", areThere: false }).at(60_000).tick();
  assert.equal(seat.leads, true);
  seat.take({ kind: "rivals", areThere: true });
  assert.equal(seat.leads, true);
  assert.equal(seat.at(61_500).tick().kinds()[0], "follow");
});

test("without NATS from the start whoever held it last begins after 3 s, and whoever saw another one does not", () => {
  const remembered = (rememberedHolder: string | null): Seat =>
    new Seat({ startedAtMs: 0, term: 6, rememberedHolder }).runTo(2999);
  assert.equal(remembered("a").leads, false);
  assert.equal(new Seat({ startedAtMs: 0, term: 6, rememberedHolder: "a" }).at(3000).tick().leads, false);
  assert.deepEqual(remembered("a").at(3000).tick().effects, [{ kind: "lead", term: 6 }]);
  assert.deepEqual(remembered(null).at(3000).tick().effects, [{ kind: "lead", term: 6 }]);
  assert.equal(remembered("b").runTo(60_000).leads, false);
});

test("whoever began without NATS takes a free lease with a new term, and yields to its holder", () => {
  const began = (): Seat => new Seat({ startedAtMs: 0, term: 6, rememberedHolder: "a" }).runTo(3000);
  const seat = began().see(3, { holder: self, term: 6 });
  assert.equal(seat.write().record.term, 6);
  assert.equal(began().see(3, { holder: other, term: 7 }).effects[0]?.kind, "follow");
});

test("whoever began without NATS and was followed waits for NATS", () => {
  const seat = new Seat().runTo(3000);
  assert.deepEqual([seat.leads, seat.state.term], [true, 0]);
  assert.equal(seat.take({ kind: "superseded", term: 4 }).effects[0]?.kind, "follow");
  assert.equal(seat.runTo(20_000).leads, false);
  assert.equal(seat.see(0, null).write().record.term, 5);
});

test("a higher term that somebody has heard of ends the reign, and the next one is above it", () => {
  const seat = leader().at(100).take({ kind: "superseded", term: 9 });
  assert.equal(seat.effects[0]?.kind, "follow");
  assert.equal(seat.at(500).tick().write().record.term, 10);
});

test("who stops gives the lease back and takes it no more", () => {
  const seat = leader().at(100).take({ kind: "closing" });
  assert.deepEqual(seat.write(), { revision: 1, record: { holder: null, term: 1 }, sentAtMs: 100 });
  seat.take({ kind: "written", write: seat.write(), revision: 2 });
  assert.equal(seat.leads, false);
  assert.deepEqual(seat.at(60_000).tick().effects, []);
});
