// Which slot a prompt goes into, and what of it need not be evaluated again.
import type { KvStore } from "./kv-store.ts";
import { type MachineProfile, prefillSeconds, restoreBytesPerSecond } from "./machine-profile.ts";
import { blockTokens, commonBlocks } from "./prefix.ts";

/** One sequence of KV. Answers are not among its blocks: the traces do not say what they were. */
export type Slot = {
  blocks: readonly number[];
  /** Prompts in a row that continued each other here; 0 when it was never used. */
  turns: number;
  lastUsedMs: number;
  isBusy: boolean;
};

/** Restoring must win this much, beyond its own time (study 2.4). */
const restoreGainSeconds = 1;

type Wanted = {
  readonly blocks: readonly number[];
  readonly promptTokens: number;
  readonly profile: MachineProfile;
  readonly nowMs: number;
};

export type PreparedSlot = {
  readonly slot: Slot;
  readonly cachedTokens: number;
  /** Tokens whose KV is saved or restored before the prompt's turn. */
  readonly movedTokens: number;
};

/** Prompt tokens that so many common blocks save: one at least has to be evaluated, for the first token comes of it. */
export function reusableTokens(common: number, promptTokens: number): number {
  return Math.min(common * blockTokens, promptTokens - 1);
}

/** The free slot with the longest common beginning, among equals the one that was used longest ago. */
export function chooseSlot(slots: readonly Slot[], blocks: readonly number[]): { slot: Slot; common: number } | null {
  let best: { slot: Slot; common: number } | null = null;
  for (const slot of slots) {
    if (slot.isBusy) continue;
    const common = commonBlocks(slot.blocks, blocks);
    const isBetter =
      best === null || common > best.common || (common === best.common && slot.lastUsedMs < best.slot.lastUsedMs);
    if (isBetter) best = { slot, common };
  }
  return best;
}

/** Takes a free slot for a prompt: saves what it holds, restores what is saved, and says what that leaves to do. */
export function prepareSlot(slots: readonly Slot[], store: KvStore | null, wanted: Wanted): PreparedSlot {
  const { blocks, promptTokens, nowMs } = wanted;
  const chosen = chooseSlot(slots, blocks);
  if (chosen === null) throw new Error("assertion failed: a replica without a free slot is given a job");
  const { common } = chosen;
  const saved = store?.find(blocks) ?? null;
  const restored = saved !== null && isWorthRestoring(wanted, common, saved) ? saved : null;
  // What the chosen slot holds is left alone when the prompt comes out of the store.
  const slot = restored === null ? chosen.slot : leastRecentlyUsed(slots);
  const kept = restored === null ? common : 0;
  let movedTokens = 0;
  if (store !== null && kept < slot.blocks.length && store.isWorthSaving(slot.blocks, slot.turns)) {
    store.add(slot.blocks, slot.turns, nowMs);
    movedTokens += slot.blocks.length * blockTokens;
  }
  if (restored !== null) {
    restored.entry.lastUsedMs = nowMs;
    movedTokens += restored.entry.blocks.length * blockTokens;
  }
  const reused = restored?.common ?? common;
  const before = restored?.entry ?? slot;
  const isContinued = reused > 1 && 2 * reused >= before.blocks.length;
  slot.turns = isContinued ? before.turns + 1 : 1;
  slot.blocks = blocks;
  slot.isBusy = true;
  slot.lastUsedMs = nowMs;
  return { slot, cachedTokens: reusableTokens(reused, promptTokens), movedTokens };
}

function leastRecentlyUsed(slots: readonly Slot[]): Slot {
  const [first, ...others] = slots.filter(({ isBusy }) => !isBusy);
  if (first === undefined) throw new Error("assertion failed: a replica without a free slot is given a job");
  return others.reduce((oldest, slot) => (slot.lastUsedMs < oldest.lastUsedMs ? slot : oldest), first);
}

function isWorthRestoring(
  { promptTokens, profile }: Wanted,
  common: number,
  saved: NonNullable<ReturnType<KvStore["find"]>>,
): boolean {
  const held = reusableTokens(common, promptTokens);
  const tokens = reusableTokens(saved.common, promptTokens) - held;
  if (tokens <= 0) return false;
  const restoreTokens = saved.entry.blocks.length * blockTokens;
  const restoreSeconds = (restoreTokens * profile.kvBytesPerToken) / restoreBytesPerSecond;
  return prefillSeconds(profile, { tokens, contextTokens: held }) > restoreSeconds + restoreGainSeconds;
}
