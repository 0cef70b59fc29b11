// How fast a replica is, as the scheduler counts: the node learns it from its steps, the coordinator predicts with it.

/** Speeds of one replica on one machine. All of them are positive and finite, `slotSlowdown` and KV sizes may be 0. */
export type SpeedProfile = {
  /** Prompt tokens a second while the context is short. */
  readonly prefillTokensPerSecond: number;
  /** Tokens of context at which a prompt is evaluated half as fast. */
  readonly contextSlowdownTokens: number;
  /** Tokens a second of one stream alone while its context is short. */
  readonly decodeTokensPerSecond: number;
  /** How much longer a step takes for each further stream, as a share of a step of one stream. */
  readonly slotSlowdown: number;
  /** KV that a step reads for each token of context of each stream. */
  readonly kvBytesPerToken: number;
  /** How fast it reads that. */
  readonly memoryBytesPerSecond: number;
  /** How fast a saved state, or a copy of another slot, comes into a slot; 0 where the engine cannot do that. */
  readonly restoreBytesPerSecond: number;
  /** How fast weights are loaded. */
  readonly loadBytesPerSecond: number;
};

type Range = { readonly min: number; readonly max: number };

/** Beyond these a figure says something about the sender and nothing about a machine. */
export const speedRanges: Readonly<Record<keyof SpeedProfile, Range>> = {
  prefillTokensPerSecond: { min: 0.1, max: 1e6 },
  contextSlowdownTokens: { min: 256, max: 1e9 },
  decodeTokensPerSecond: { min: 0.01, max: 1e5 },
  slotSlowdown: { min: 0, max: 2 },
  kvBytesPerToken: { min: 0, max: 1e8 },
  memoryBytesPerSecond: { min: 1e8, max: 1e14 },
  restoreBytesPerSecond: { min: 0, max: 1e12 },
  loadBytesPerSecond: { min: 1e6, max: 1e12 },
};

/** The profile with each figure in its range; one that is no number is taken from `fallback`. */
export function clampSpeed(
  profile: SpeedProfile,
  fallback: SpeedProfile,
): { readonly speed: SpeedProfile; readonly isClamped: boolean } {
  let isClamped = false;
  const figure = (name: keyof SpeedProfile): number => {
    const { min, max } = speedRanges[name];
    const told = profile[name];
    const clamped = Number.isFinite(told) ? Math.min(max, Math.max(min, told)) : fallback[name];
    if (clamped !== told) isClamped = true;
    return clamped;
  };
  const speed = {
    prefillTokensPerSecond: figure("prefillTokensPerSecond"),
    contextSlowdownTokens: figure("contextSlowdownTokens"),
    decodeTokensPerSecond: figure("decodeTokensPerSecond"),
    slotSlowdown: figure("slotSlowdown"),
    kvBytesPerToken: figure("kvBytesPerToken"),
    memoryBytesPerSecond: figure("memoryBytesPerSecond"),
    restoreBytesPerSecond: figure("restoreBytesPerSecond"),
    loadBytesPerSecond: figure("loadBytesPerSecond"),
  };
  return { speed, isClamped };
}

/**
 * Seconds to evaluate `tokens` of a prompt behind `before` tokens of context, alone: a token at position c takes
 * (1 + c / contextSlowdownTokens) / prefillTokensPerSecond.
 */
export function prefillSeconds(speed: SpeedProfile, tokens: number, before: number): number {
  const slowdown = 1 + (before + tokens / 2) / speed.contextSlowdownTokens;
  return (tokens * slowdown) / speed.prefillTokensPerSecond;
}

/** Seconds of a step in which `streams` streams with `contextTokens` tokens of context in all get a token each. */
export function decodeStepSeconds(speed: SpeedProfile, streams: number, contextTokens: number): number {
  const alone = 1 / speed.decodeTokensPerSecond;
  const attention = (contextTokens * speed.kvBytesPerToken) / speed.memoryBytesPerSecond;
  return alone * (1 + speed.slotSlowdown * Math.max(0, streams - 1)) + attention;
}

/** Seconds until a saved state of so many tokens is back in a slot. */
export function restoreSeconds(speed: SpeedProfile, tokens: number): number {
  return (tokens * speed.kvBytesPerToken) / speed.restoreBytesPerSecond;
}
