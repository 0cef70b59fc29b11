import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeStepSeconds, prefillSeconds, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import fc from "fast-check";
import { SpeedLearner } from "./speed-learner.ts";

const start: SpeedProfile = {
  prefillTokensPerSecond: 200,
  contextSlowdownTokens: 24_000,
  decodeTokensPerSecond: 30,
  slotSlowdown: 0.3,
  kvBytesPerToken: 262_144,
  memoryBytesPerSecond: 4e11,
  restoreBytesPerSecond: 3e9,
  loadBytesPerSecond: 3e9,
};

/** Shows it steps of a machine that is really like `truth`; `noise` is a factor from 1 - noise to 1 + noise. */
function show(learner: SpeedLearner, truth: SpeedProfile, { steps, noise }: { steps: number; noise: number }): void {
  let random = 12_345;
  const next = (): number => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return random / 2_147_483_648;
  };
  const noisy = (seconds: number): number => seconds * (1 + noise * (2 * next() - 1));
  for (let step = 0; step < steps; step += 1) {
    const streams = 1 + Math.floor(next() * 4);
    const context = Math.floor(next() * 4000) * streams;
    learner.decoded(streams, context, noisy(decodeStepSeconds(truth, streams, context)));
    const before = Math.floor(next() * 6000);
    learner.evaluated(256, before, noisy(prefillSeconds(truth, 256, before)));
  }
}

function near(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual / expected - 1) <= share, `${actual}, and ${expected} is true`);
}

test("a machine ten times as fast as was thought is known after some steps", () => {
  const truth = { ...start, prefillTokensPerSecond: 2000, decodeTokensPerSecond: 300, slotSlowdown: 0.6 };
  const learner = new SpeedLearner(start);
  show(learner, truth, { steps: 300, noise: 0.1 });
  const learned = learner.profile();
  near(learned.prefillTokensPerSecond, 2000, 0.3);
  near(learned.decodeTokensPerSecond, 300, 0.3);
  near(decodeStepSeconds(learned, 4, 8000), decodeStepSeconds(truth, 4, 8000), 0.1);
  near(prefillSeconds(learned, 3000, 2000), prefillSeconds(truth, 3000, 2000), 0.1);
});

test("a machine that gets three times slower is followed", () => {
  const learner = new SpeedLearner(start);
  show(learner, start, { steps: 500, noise: 0.1 });
  const slow = { ...start, prefillTokensPerSecond: 70, decodeTokensPerSecond: 10 };
  show(learner, slow, { steps: 500, noise: 0.1 });
  near(decodeStepSeconds(learner.profile(), 2, 4000), decodeStepSeconds(slow, 2, 4000), 0.15);
  near(prefillSeconds(learner.profile(), 1000, 0), prefillSeconds(slow, 1000, 0), 0.15);
});

test("one step that took a minute, because the machine slept, changes little", () => {
  const learner = new SpeedLearner(start);
  show(learner, start, { steps: 300, noise: 0.1 });
  learner.decoded(1, 100, 60);
  near(learner.profile().decodeTokensPerSecond, 30, 0.2);
});

test("steps of one kind only leave the rest as it was", () => {
  const learner = new SpeedLearner(start);
  for (let i = 0; i < 5000; i += 1) learner.decoded(1, 500, decodeStepSeconds(start, 1, 500));
  near(decodeStepSeconds(learner.profile(), 4, 8000), decodeStepSeconds(start, 4, 8000), 0.5);
  near(learner.profile().prefillTokensPerSecond, 200, 1e-9);
});

test("whatever it is shown, the profile holds numbers in their ranges", () => {
  const step = fc.record({
    streams: fc.integer({ min: 1, max: 64 }),
    context: fc.integer({ min: 0, max: 1_000_000 }),
    tokens: fc.integer({ min: 1, max: 2048 }),
    seconds: fc.oneof(fc.double(), fc.double({ min: 0, max: 10, noNaN: true })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const learner = new SpeedLearner(start);
      for (const { streams, context, tokens, seconds } of steps) {
        learner.decoded(streams, context, seconds);
        learner.evaluated(tokens, context, seconds);
        learner.restored(tokens, seconds);
      }
      const profile = learner.profile();
      for (const value of Object.values(profile)) assert.ok(Number.isFinite(value) && value >= 0);
      assert.ok(profile.prefillTokensPerSecond > 0 && profile.decodeTokensPerSecond > 0);
    }),
  );
});
