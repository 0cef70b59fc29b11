import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualTime } from "../virtual-time.ts";
import { Device } from "./device.ts";
import { KvStore } from "./kv-store.ts";
import { decodeStepSeconds, prefillSeconds, referenceMachine, restoreBytesPerSecond } from "./machine-profile.ts";
import { blockTokens } from "./prefix.ts";
import { ReplicaEngine } from "./replica-engine.ts";

type Told = { cached: number; slot: number; firstTokenMs: number; endedMs: number; tokens: number };

function makeEngine(savedStates = 0) {
  const time = new VirtualTime();
  const store = savedStates === 0 ? null : new KvStore(savedStates);
  const engine = new ReplicaEngine({ time, device: new Device(time), profile: referenceMachine, store });
  const start = (blocks: readonly number[], promptTokens: number, outputTokens: number): Told => {
    const told: Told = { cached: -1, slot: -1, firstTokenMs: 0, endedMs: 0, tokens: 0 };
    engine.start({
      blocks,
      promptTokens,
      outputTokens,
      listener: {
        accepted: (cached, slot) => Object.assign(told, { cached, slot }),
        evaluated: () => {},
        token: () => {
          told.tokens += 1;
          if (told.tokens === 1) told.firstTokenMs = time.nowMs;
        },
        ended: () => {
          told.endedMs = time.nowMs;
        },
      },
    });
    return told;
  };
  const run = (): void => time.runUntil(Number.POSITIVE_INFINITY, () => false);
  return { time, engine, start, run };
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-6 * expected, `${actual} is not ${expected}`);
}

function blocksFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, offset) => first + offset);
}

test("the first token of a lone request comes when the closed form says", () => {
  for (const promptTokens of [1, 511, 512, 2007, 7000]) {
    const { start, run } = makeEngine();
    const told = start([], promptTokens, 1);
    run();
    near(told.firstTokenMs, 1000 * prefillSeconds(referenceMachine, { tokens: promptTokens, contextTokens: 0 }));
    assert.equal(told.endedMs, told.firstTokenMs);
  }
});

test("a lone answer is decoded at the closed form's speed", () => {
  const { start, run } = makeEngine();
  const told = start([], 1000, 101);
  run();
  let seconds = 0;
  for (let generated = 1; generated <= 100; generated += 1)
    seconds += decodeStepSeconds(referenceMachine, { streams: 1, contextTokens: 1000 + generated });
  near(told.endedMs - told.firstTokenMs, 1000 * seconds);
  assert.equal(told.tokens, 101);
});

test("prompts that are evaluated together share the chunk, and take as long as one after the other", () => {
  const { start, run } = makeEngine();
  const first = start([], 1024, 1);
  const second = start([], 1024, 1);
  run();
  const part = (tokens: number, contextTokens: number): number =>
    1000 * prefillSeconds(referenceMachine, { tokens, contextTokens });
  // A chunk of its own, then half of two shared ones.
  near(first.firstTokenMs, part(1024, 0) + part(512, 0));
  near(second.firstTokenMs, 2 * part(1024, 0));
});

test("a step with a prompt and a stream takes as long as both", () => {
  const { time, start, run } = makeEngine();
  const first = start([], 512, 3);
  time.runUntil(1000 * prefillSeconds(referenceMachine, { tokens: 512, contextTokens: 0 }) - 1, () => false);
  const second = start([], 512, 1);
  run();
  const chunk = prefillSeconds(referenceMachine, { tokens: 512, contextTokens: 0 });
  const step = decodeStepSeconds(referenceMachine, { streams: 1, contextTokens: 513 });
  near(second.firstTokenMs, 1000 * (2 * chunk + step));
  assert.equal(first.tokens, 3);
});

test("a prompt goes into the idle slot that holds most of it, else into the one used longest ago", () => {
  const { start, run } = makeEngine();
  start(blocksFrom(0, 8), 1024, 1);
  run();
  start(blocksFrom(100, 8), 1024, 1);
  run();
  const continued = start([...blocksFrom(0, 8), 50], 1200, 1);
  run();
  assert.deepEqual([continued.slot, continued.cached], [0, 8 * blockTokens]);
  const others = [200, 300, 400].map((first) => {
    const told = start(blocksFrom(first, 2), 256, 1);
    run();
    return told.slot;
  });
  assert.deepEqual(others, [2, 3, 1]);
});

test("what a busy slot holds cannot be reused without a store, and is copied with one", () => {
  for (const [savedStates, cached] of [
    [0, 0],
    [16, 40 * blockTokens],
  ] as const) {
    const { time, start, run } = makeEngine(savedStates);
    start(blocksFrom(0, 40), 5200, 1000);
    time.runUntil(60_000, () => false);
    assert.equal(start(blocksFrom(0, 40), 5200, 1).cached, cached);
    run();
  }
});

test("the whole prompt is never reused: its last token has to be evaluated", () => {
  const { start, run } = makeEngine();
  start(blocksFrom(0, 2), 256, 1);
  run();
  assert.equal(start(blocksFrom(0, 2), 256, 1).cached, 255);
});

test("a conversation that lost its slot is restored from the store, and pays for what is moved", () => {
  const { time, start, run } = makeEngine(16);
  const conversation = blocksFrom(0, 20);
  start(conversation, 2600, 1);
  run();
  for (let other = 1; other <= 5; other += 1) {
    start(blocksFrom(1000 * other, 20), 2600, 1);
    run();
  }
  const startedMs = time.nowMs;
  const told = start(conversation, 2600, 1);
  run();
  assert.equal(told.cached, 20 * blockTokens);
  const tail = { tokens: 2600 - 20 * blockTokens, contextTokens: 20 * blockTokens };
  // One state of 20 blocks is saved for it, and one comes back.
  const movedSeconds = (40 * blockTokens * referenceMachine.kvBytesPerToken) / restoreBytesPerSecond;
  near(told.firstTokenMs - startedMs, 1000 * (movedSeconds + prefillSeconds(referenceMachine, tail)));
});

test("a cancelled job frees its slot, and leaves there what was evaluated", () => {
  const { time, engine, start, run } = makeEngine();
  const told = start(blocksFrom(0, 16), 2100, 10);
  time.runUntil(1000 * prefillSeconds(referenceMachine, { tokens: 1024, contextTokens: 0 }) + 1, () => false);
  const [running] = engine.running;
  assert.ok(running !== undefined && engine.cancel(running) && !engine.cancel(running));
  run();
  assert.deepEqual([told.tokens, told.endedMs, engine.freeSlots], [0, 0, 4]);
  assert.equal(start(blocksFrom(0, 16), 2100, 1).cached, 8 * blockTokens);
});
