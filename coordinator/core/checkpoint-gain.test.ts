import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import { speedRanges } from "@pomona/shared/core/speed-profile";
import fc from "fast-check";
import {
  type CheckpointCase,
  type CheckpointConfig,
  checkpointGain,
  defaultCheckpointConfig,
  isWorthCheckpoint,
} from "./checkpoint-gain.ts";

/** 8B in F16 KV (32 layers, 8 heads of 128) on an M4 Max: 700 tokens/s. */
const large: SpeedProfile = {
  prefillTokensPerSecond: 700,
  contextSlowdownTokens: 1e6,
  decodeTokensPerSecond: 60,
  slotSlowdown: 0.3,
  kvBytesPerToken: 131_072,
  memoryBytesPerSecond: 5e11,
  restoreBytesPerSecond: 5e9,
  loadBytesPerSecond: 3e9,
};
const gigabitEthernet = 117e6;
const tenGigabitEthernet = 1.1e9;

function caseOf(changes: Partial<CheckpointCase> & { readonly peer?: SpeedProfile } = {}): CheckpointCase {
  const { peer = large, tokens = 8000, ...others } = changes;
  const gain = checkpointGain(peer, tokens);
  const own = { saveSeconds: 0.2, remainingSeconds: 30 };
  return { tokens, gain, lineBytesPerSecond: tenGigabitEthernet, ...own, ...others };
}

const isWorth = (changes?: Parameters<typeof caseOf>[0], config: Partial<CheckpointConfig> = {}): boolean =>
  isWorthCheckpoint({ ...defaultCheckpointConfig, ...config }, caseOf(changes));

test("the break-even bandwidth is the state's bytes by the time that it spares", () => {
  const { bytes, sparedSeconds, breakEvenBytesPerSecond } = checkpointGain(large, 7000);
  assert.equal(bytes, 7000 * 131_072);
  // 10 s of prefill, a thousandth more for attention, less 0.18 s of restore.
  assert.ok(Math.abs(sparedSeconds - (10 * 1.0035 - bytes / 5e9)) < 1e-9);
  assert.ok(breakEvenBytesPerSecond > 91e6 && breakEvenBytesPerSecond < 94e6);
});

const decisions: readonly (readonly [string, boolean, Parameters<typeof caseOf>[0], Partial<CheckpointConfig>])[] = [
  ["10 GbE carries the state of a large model", true, {}, {}],
  ["1 GbE does not: it is hardly faster than the peer", false, { lineBytesPerSecond: gigabitEthernet }, {}],
  ["1 GbE does for a peer of a quarter of the speed", true, slowPeer(gigabitEthernet), {}],
  ["a line that nobody knows carries none", false, { lineBytesPerSecond: null }, {}],
  ["what spares less than a second stays", false, { tokens: 600 }, {}],
  ["a request that ends sooner than its state comes needs none", false, { remainingSeconds: 0.5 }, {}],
  ["what would hold streams up for too long is not saved", false, { saveSeconds: 0.6 }, {}],
  ["on saves nothing of that kind either", false, { saveSeconds: 0.6 }, { mode: "on" }],
  ["off is off", false, {}, { mode: "off" }],
  ["on carries it over any line", true, { lineBytesPerSecond: null, remainingSeconds: 0 }, { mode: "on" }],
  ["on leaves short prompts alone", false, { tokens: 511 }, { mode: "on" }],
  ["a peer that restores nothing gets nothing", false, { peer: { ...large, restoreBytesPerSecond: 0 } }, {}],
];

function slowPeer(lineBytesPerSecond: number): Parameters<typeof caseOf>[0] {
  return { peer: { ...large, prefillTokensPerSecond: 175 }, lineBytesPerSecond };
}

for (const [what, expected, changes, config] of decisions) {
  test(what, () => assert.equal(isWorth(changes, config), expected));
}

const speed = fc.record({
  prefillTokensPerSecond: figure("prefillTokensPerSecond"),
  contextSlowdownTokens: figure("contextSlowdownTokens"),
  decodeTokensPerSecond: figure("decodeTokensPerSecond"),
  slotSlowdown: figure("slotSlowdown"),
  kvBytesPerToken: figure("kvBytesPerToken"),
  memoryBytesPerSecond: figure("memoryBytesPerSecond"),
  restoreBytesPerSecond: figure("restoreBytesPerSecond"),
  loadBytesPerSecond: figure("loadBytesPerSecond"),
});

function figure(name: keyof SpeedProfile): fc.Arbitrary<number> {
  return fc.double({ ...speedRanges[name], noNaN: true });
}

const lines = fc.double({ min: 1, max: 1e12, noNaN: true });
const tokenCounts = fc.integer({ min: 1, max: 200_000 });

test("a state that is worth its way is there before the peer could have evaluated the prompt", () => {
  fc.assert(
    fc.property(speed, tokenCounts, lines, (peer, tokens, lineBytesPerSecond) => {
      if (!isWorth({ peer, tokens, lineBytesPerSecond })) return;
      const { bytes, sparedSeconds } = checkpointGain(peer, tokens);
      assert.ok(bytes / lineBytesPerSecond <= sparedSeconds / defaultCheckpointConfig.lineMargin + 1e-9);
      assert.ok(sparedSeconds >= 1 && tokens >= 512);
    }),
  );
});

test("a faster line, a slower peer and a longer stream never speak against it", () => {
  fc.assert(
    fc.property(speed, tokenCounts, lines, (peer, tokens, lineBytesPerSecond) => {
      if (!isWorth({ peer, tokens, lineBytesPerSecond })) return;
      const slower = { ...peer, prefillTokensPerSecond: peer.prefillTokensPerSecond / 2 };
      assert.ok(isWorth({ peer, tokens, lineBytesPerSecond: 2 * lineBytesPerSecond }));
      assert.ok(isWorth({ peer: slower, tokens, lineBytesPerSecond }));
      assert.ok(isWorth({ peer, tokens, lineBytesPerSecond, remainingSeconds: 60 }));
    }),
  );
});
