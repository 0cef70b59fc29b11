import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type AttemptId,
  endedAttempts,
  endedAttemptsMax,
  endedTokensMax,
  type HeldAttempts,
  type HeldAttemptsEffect,
  type HeldAttemptsEvent,
  holdsSlots,
  isAttachable,
  isOrphaned,
  keptOf,
  nextDueMs,
  noHeldAttempts,
  refuseStart,
  stepHeldAttempts,
} from "./held-attempts.ts";

const a1: AttemptId = { requestId: "a", epoch: 1 };
const a2: AttemptId = { requestId: "a", epoch: 2 };
const b1: AttemptId = { requestId: "b", epoch: 1 };
const orphanMs = 1000;

/** Takes events at times, and returns the effects of the last. */
function take(state: HeldAttempts, ...events: readonly (readonly [number, HeldAttemptsEvent])[]): HeldAttemptsEffect[] {
  return events.map(([nowMs, event]) => stepHeldAttempts(state, event, nowMs)).at(-1) ?? [];
}

const started = (id: AttemptId, ms = orphanMs): HeldAttemptsEvent => ({ kind: "started", orphanMs: ms, ...id });
const left = (id: AttemptId, hasEnding = false): HeldAttemptsEvent => ({ kind: "readerLeft", hasEnding, ...id });
const of = (kind: "claimed" | "claimLeft" | "readerCame" | "cancelAsked", id: AttemptId) => ({ kind, ...id });
const ended = (id: AttemptId, tokens = 1): HeldAttemptsEvent => ({ kind: "ended", tokens, ...id });
const keep = (live: readonly AttemptId[]): HeldAttemptsEvent => ({ kind: "keepAsked", live });
const timePassed: HeldAttemptsEvent = { kind: "timePassed" };
const ends = (id: AttemptId): HeldAttemptsEffect => ({ kind: "endInEngine", ...id });
const releases = (id: AttemptId, cutsReaders: boolean): HeldAttemptsEffect => ({ kind: "release", ...id, cutsReaders });

describe("an attempt whose last reader leaves", () => {
  test("ends at once when nothing else was asked", () => {
    const state = noHeldAttempts();
    assert.deepEqual(take(state, [0, started(a1, 0)], [5, left(a1)]), [ends(a1)]);
    assert.equal(nextDueMs(state), null);
    assert.deepEqual(take(state, [6, ended(a1)]), [releases(a1, false)]);
    assert.equal(state.attempts.size, 0);
  });

  test("goes on for as long as it was told to, and holds its slot until the engine has ended it", () => {
    const state = noHeldAttempts();
    assert.deepEqual(take(state, [0, started(a1)], [10, left(a1)]), []);
    assert.equal(nextDueMs(state), 1010);
    assert.ok(isOrphaned(state, a1));
    assert.deepEqual(take(state, [1009, timePassed]), []);
    assert.ok(isAttachable(state, a1));
    assert.deepEqual(take(state, [1010, timePassed]), [ends(a1)]);
    assert.deepEqual([isAttachable(state, a1), holdsSlots(state)], [false, true]);
    assert.deepEqual(take(state, [1011, timePassed]), []);
    assert.deepEqual(take(state, [1012, ended(a1)]), [releases(a1, false)]);
    assert.equal(holdsSlots(state), false);
  });

  test("is no orphan once somebody reads it, and has all its time again when they leave", () => {
    const state = noHeldAttempts();
    take(state, [0, started(a1)], [10, left(a1)], [900, of("readerCame", a1)]);
    assert.deepEqual([isOrphaned(state, a1), nextDueMs(state)], [false, null]);
    assert.deepEqual(take(state, [5000, timePassed], [6000, left(a1)]), []);
    assert.equal(nextDueMs(state), 7000);
  });

  test("has readers left as long as one of them stays", () => {
    const state = noHeldAttempts();
    assert.deepEqual(take(state, [0, started(a1, 0)], [1, of("readerCame", a1)], [2, left(a1)]), []);
    assert.equal(isOrphaned(state, a1), false);
    assert.deepEqual(take(state, [3, left(a1)]), [ends(a1)]);
  });
});

describe("an attempt that ends", () => {
  test("is kept while nobody has read the ending, and leaves when its time is over", () => {
    const state = noHeldAttempts();
    assert.deepEqual(take(state, [0, started(a1)], [10, left(a1)], [500, ended(a1)]), []);
    assert.deepEqual([isAttachable(state, a1), holdsSlots(state)], [true, false]);
    assert.deepEqual(endedAttempts(state), [{ ...a1, isOrphaned: true }]);
    assert.deepEqual(take(state, [1010, timePassed]), [releases(a1, true)]);
    assert.equal(isAttachable(state, a1), false);
  });

  test("is forgotten when a reader has the ending", () => {
    const state = noHeldAttempts();
    take(state, [0, started(a1)], [10, ended(a1)]);
    assert.deepEqual(endedAttempts(state), [{ ...a1, isOrphaned: false }]);
    assert.deepEqual(take(state, [11, left(a1, true)]), [releases(a1, false)]);
    assert.deepEqual(endedAttempts(state), []);
  });

  test("is kept when its reader was lost before the ending reached them", () => {
    const state = noHeldAttempts();
    assert.deepEqual(take(state, [0, started(a1)], [10, ended(a1)], [20, left(a1)]), []);
    assert.ok(isAttachable(state, a1));
    assert.equal(nextDueMs(state), 1020);
  });

  test("pushes out the one that ended first when there are too many", () => {
    const state = noHeldAttempts();
    const ids = Array.from({ length: endedAttemptsMax + 1 }, (_, n) => ({ requestId: `r${n}`, epoch: 1 }));
    for (const id of ids) take(state, [0, started(id)], [1, left(id)]);
    const [first, second, ...others] = ids;
    assert.ok(first !== undefined && second !== undefined);
    for (const id of [second, first, ...others.slice(0, -1)]) assert.deepEqual(take(state, [2, ended(id)]), []);
    assert.deepEqual(take(state, [3, ended(others.at(-1) ?? first)]), [releases(second, true)]);
    assert.equal(endedAttempts(state).length, endedAttemptsMax);
  });
});

test("too many tokens of ended attempts push out those that ended first, but never the last", () => {
  const state = noHeldAttempts();
  const c1 = { requestId: "c", epoch: 1 };
  for (const id of [a1, b1, c1]) take(state, [0, started(id)], [1, left(id)]);
  assert.deepEqual(take(state, [2, ended(a1, 100)], [3, ended(b1, endedTokensMax - 100)]), []);
  assert.deepEqual(take(state, [4, ended(c1, endedTokensMax + 1)]), [releases(a1, true), releases(b1, true)]);
  assert.ok(isAttachable(state, c1));
});

describe("of two attempts of a request", () => {
  test("the later one ends the earlier, and no other may start", () => {
    const state = noHeldAttempts();
    take(state, [0, started(a2)]);
    assert.match(refuseStart(state, a1) ?? "", /request a is already here with epoch 2; 1 is not later/);
    assert.match(refuseStart(state, a2) ?? "", /epoch 2/);
    const a3 = { requestId: "a", epoch: 3 };
    assert.equal(refuseStart(state, a3), null);
    assert.deepEqual(take(state, [1, of("claimed", a3)]), [ends(a2)]);
    assert.match(refuseStart(state, a3) ?? "", /epoch 3/);
    assert.deepEqual(take(state, [2, ended(a2)]), [releases(a2, false)]);
    take(state, [3, started(a3)]);
    assert.deepEqual([isAttachable(state, a2), isAttachable(state, a3), state.claims.size], [false, true, 0]);
    // Whoever read the earlier one leaves without touching the later.
    assert.deepEqual(take(state, [4, left(a2)]), []);
    assert.equal(isOrphaned(state, a3), false);
  });

  test("an earlier one that has ended already is dropped", () => {
    const state = noHeldAttempts();
    take(state, [0, started(a1)], [1, left(a1)], [2, ended(a1)]);
    assert.deepEqual(take(state, [3, of("claimed", a2)]), [releases(a1, true)]);
  });

  test("a claim that is given up makes way for the same epoch again", () => {
    const state = noHeldAttempts();
    take(state, [0, of("claimed", a1)], [1, of("claimLeft", a1)]);
    assert.equal(refuseStart(state, a1), null);
    take(state, [2, of("claimed", a2)], [3, of("claimLeft", a1)]);
    assert.match(refuseStart(state, a2) ?? "", /epoch 2/);
  });
});

describe("what a coordinator asks for", () => {
  test("an attempt that is cancelled ends whoever reads it; one that is not here does nothing", () => {
    const state = noHeldAttempts();
    assert.deepEqual(take(state, [0, started(a2)], [1, of("cancelAsked", a1)]), []);
    assert.deepEqual(take(state, [2, of("cancelAsked", a2)]), [ends(a2)]);
    assert.deepEqual(take(state, [3, of("cancelAsked", a2)]), []);
    assert.deepEqual(take(state, [4, ended(a2)]), [releases(a2, false)]);
    assert.deepEqual(take(state, [5, of("cancelAsked", a2)]), []);
  });

  test("a claim that is cancelled does not start", () => {
    const state = noHeldAttempts();
    take(state, [0, started(a1)], [1, of("claimed", a2)], [2, of("cancelAsked", a2)]);
    assert.equal(state.claims.size, 0);
  });

  test("all that are not named by request and epoch end, ended ones are dropped, claims given up", () => {
    const state = noHeldAttempts();
    const c1 = { requestId: "c", epoch: 1 };
    const d1 = { requestId: "d", epoch: 1 };
    const d2 = { requestId: "d", epoch: 2 };
    take(state, [0, started(a1)], [0, started(b1)], [0, started(c1)], [0, ended(c1)], [0, started(d1)]);
    take(state, [1, of("claimed", d2)]);
    assert.deepEqual(take(state, [2, keep([a2, b1])]), [ends(a1), releases(c1, true)]);
    assert.deepEqual(keptOf(state, [a2, b1, c1]), [{ ...b1, isOrphaned: false }]);
    assert.equal(state.claims.size, 0);
  });
});

/** Events as they come: only of attempts that may start, of readers of what is held, endings once. */
type Move = { readonly kind: number; readonly request: number; readonly afterMs: number };

test("whatever happens, orphans end in time, nothing stays when all is over, and each request has one attempt", () => {
  const move: fc.Arbitrary<Move> = fc.record({
    kind: fc.nat({ max: 6 }),
    request: fc.nat({ max: 3 }),
    afterMs: fc.nat({ max: 600 }),
  });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60, size: "max" }), (moves) => {
      const state = noHeldAttempts();
      const ending = new Map<string, AttemptId>();
      let readers: AttemptId[] = [];
      let nowMs = 0;
      const step = (event: HeldAttemptsEvent): void => {
        for (const { kind, requestId, epoch } of stepHeldAttempts(state, event, nowMs)) {
          if (kind === "endInEngine") ending.set(requestId, { requestId, epoch });
          else readers = readers.filter((reader) => reader.requestId !== requestId);
        }
      };
      const end = (id: AttemptId): void => {
        step(ended(id));
        ending.delete(id.requestId);
      };
      for (const { kind, request, afterMs } of moves) {
        nowMs += afterMs;
        step(timePassed);
        const requestId = `r${request}`;
        const held = state.attempts.get(requestId);
        const id = { requestId, epoch: (held?.epoch ?? 0) + (kind === 0 ? 1 : 0) };
        const reading = readers.findIndex((reader) => reader.requestId === requestId);
        if (kind === 0) {
          step(of("claimed", id));
          for (const older of [...ending.values()].filter((each) => each.requestId === requestId)) end(older);
          step(started(id, request * 300));
          readers.push(id);
        } else if (kind === 1 && isAttachable(state, id)) {
          step(of("readerCame", id));
          readers.push(id);
        } else if (kind === 2 && reading >= 0) for (const reader of readers.splice(reading, 1)) step(left(reader));
        else if (kind === 3 && held !== undefined && held.state !== "ended") end(id);
        else if (kind === 4) step(of("cancelAsked", id));
        else if (kind === 5 && held !== undefined) step(keep([id]));
        else if (kind === 6) for (const each of [...ending.values()]) end(each);
        for (const attempt of state.attempts.values()) {
          const count = readers.filter(({ requestId: r, epoch }) => r === attempt.requestId && epoch === attempt.epoch);
          assert.equal(attempt.readers, count.length);
          const isDue = attempt.unreadFromMs !== null && attempt.unreadFromMs + attempt.orphanMs <= nowMs;
          assert.ok(!isDue || attempt.state === "ending", "what is due is ending");
        }
      }
      for (const reader of readers) step(left(reader));
      nowMs += 1000;
      step(timePassed);
      for (const each of [...ending.values()]) end(each);
      assert.deepEqual([state.attempts.size, nextDueMs(state)], [0, null]);
    }),
  );
});
