// Whether the state of a long prompt is worth its way to another node.
import { prefillSeconds, restoreSeconds, type SpeedProfile } from "@pomona/shared/core/speed-profile";

/** `auto` where the line is fast enough, `on` everywhere, `off` nowhere. */
export const checkpointModes = ["auto", "on", "off"] as const;
export type CheckpointMode = (typeof checkpointModes)[number];

export type CheckpointConfig = {
  readonly mode: CheckpointMode;
  /** Tokens of a request whose state is worth anything (512), whatever the mode. */
  readonly tokensMin: number;
  /** What it has to spare the peer (1 s). */
  readonly sparedSecondsMin: number;
  /** Longest time for which streams may wait while it is saved (0.5 s): a node that says nothing for two is given up. */
  readonly saveSecondsMax: number;
  /** How many times the break-even bandwidth a line has to have (2). */
  readonly lineMargin: number;
};

export const defaultCheckpointConfig: CheckpointConfig = {
  mode: "auto",
  tokensMin: 512,
  sparedSecondsMin: 1,
  saveSecondsMax: 0.5,
  lineMargin: 2,
};

/** What the state of so many tokens weighs, and spares a replica of this speed. */
export type CheckpointGain = {
  readonly bytes: number;
  /** To evaluate the tokens, less what it takes to bring the state back; below 0 it costs more. */
  readonly sparedSeconds: number;
  /** Above it the state is there sooner than the tokens could be evaluated; infinite where nothing is spared. */
  readonly breakEvenBytesPerSecond: number;
};

export function checkpointGain(peer: SpeedProfile, tokens: number): CheckpointGain {
  const bytes = tokens * peer.kvBytesPerToken;
  // Without a speed of its own nothing can be brought back.
  const restore = peer.restoreBytesPerSecond > 0 ? restoreSeconds(peer, tokens) : Number.POSITIVE_INFINITY;
  const sparedSeconds = prefillSeconds(peer, tokens, 0) - restore;
  const breakEvenBytesPerSecond = sparedSeconds > 0 ? bytes / sparedSeconds : Number.POSITIVE_INFINITY;
  return { bytes, sparedSeconds, breakEvenBytesPerSecond };
}

export type CheckpointCase = {
  readonly tokens: number;
  readonly gain: CheckpointGain;
  /** Of the way to the peer; null while unknown. */
  readonly lineBytesPerSecond: number | null;
  /** In which nothing else is evaluated where it runs. */
  readonly saveSeconds: number;
  /** For which the request is expected to run. */
  readonly remainingSeconds: number;
};

export function isWorthCheckpoint(
  { mode, tokensMin, sparedSecondsMin, saveSecondsMax, lineMargin }: CheckpointConfig,
  { tokens, gain, lineBytesPerSecond, saveSeconds, remainingSeconds }: CheckpointCase,
): boolean {
  if (mode === "off" || tokens < tokensMin || saveSeconds > saveSecondsMax) return false;
  if (mode === "on") return true;
  if (lineBytesPerSecond === null || gain.sparedSeconds < sparedSecondsMin) return false;
  if (lineBytesPerSecond < lineMargin * gain.breakEvenBytesPerSecond) return false;
  // A request that ends before its state is there needs none.
  return gain.bytes / lineBytesPerSecond <= remainingSeconds;
}
