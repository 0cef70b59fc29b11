// Which slot a prompt goes into, and what of it need not be evaluated again.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import type { KvStore } from "./kv-store.ts";
import { type MachineProfile, prefillSeconds, restoreBytesPerSecond } from "./machine-profile.ts";
import { blockTokens } from "./prefix.ts";

/** One sequence of KV. Answers are not among its blocks: the traces do not say what they were. */
export type Slot = {
  /** From 0. */
  readonly index: number;
  blocks: readonly number[];
  /** Blocks that are evaluated: fewer than there are while a prompt is under way. */
  evaluatedBlocks: number;
  /** Prompts in a row that continued each other here; 0 when it was never used. */
  turns: number;
  lastUsedMs: number;
  isBusy: boolean;
};

export function emptySlot(index: number): Slot {
  return { index, blocks: [], evaluatedBlocks: 0, turns: 0, lastUsedMs: 0, isBusy: false };
}

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
    const common = commonPrefix(slot.blocks, blocks);
    const isBetter =
      best === null || common > best.common || (common === best.common && slot.lastUsedMs < best.slot.lastUsedMs);
    if (isBetter) best = { slot, common };
  }
  return best;
}

/** A beginning of a prompt that lies somewhere else on the machine. */
type Source = {
  readonly common: number;
  /** All of its blocks; a copy of a slot is saved and restored. */
  readonly heldBlocks: number;
  readonly movedBlocks: number;
  readonly turns: number;
  readonly use: () => void;
};

/** Takes a free slot for a prompt: saves what it holds, restores what is saved, and says what that leaves to do. */
export function prepareSlot(slots: readonly Slot[], store: KvStore | null, wanted: Wanted): PreparedSlot {
  const { blocks, promptTokens, nowMs } = wanted;
  const chosen = chooseSlot(slots, blocks);
  if (chosen === null) throw new Error("assertion failed: a replica without a free slot is given a job");
  const source = store === null ? null : bestSource(slots, store, wanted);
  const isRestored = source !== null && isWorthMoving(wanted, chosen.common, source);
  // What the chosen slot holds is left alone when the prompt comes from elsewhere.
  const slot = isRestored ? leastRecentlyUsed(slots) : chosen.slot;
  const kept = isRestored ? 0 : chosen.common;
  let movedBlocks = 0;
  if (store !== null && kept < slot.blocks.length && store.isWorthSaving(slot.blocks, slot.turns)) {
    store.add(slot.blocks, slot.turns, nowMs);
    movedBlocks += slot.blocks.length;
  }
  if (isRestored) {
    source.use();
    movedBlocks += source.movedBlocks;
  }
  const reused = isRestored ? source.common : chosen.common;
  const before = isRestored ? source : { turns: slot.turns, heldBlocks: slot.blocks.length };
  slot.turns = reused > 1 && 2 * reused >= before.heldBlocks ? before.turns + 1 : 1;
  slot.blocks = blocks;
  slot.evaluatedBlocks = reused;
  slot.isBusy = true;
  slot.lastUsedMs = nowMs;
  const movedTokens = movedBlocks * blockTokens;
  return { slot, cachedTokens: reusableTokens(reused, promptTokens), movedTokens };
}

/** Of the saved states and the other slots, busy ones included, the one that holds most of the prompt. */
function bestSource(slots: readonly Slot[], store: KvStore, { blocks, nowMs }: Wanted): Source | null {
  const saved = store.find(blocks);
  let best: Source | null = null;
  if (saved !== null) {
    const { entry, common } = saved;
    const use = (): void => {
      entry.lastUsedMs = nowMs;
    };
    const { length } = entry.blocks;
    best = { common, heldBlocks: length, movedBlocks: length, turns: entry.turns, use };
  }
  for (const slot of slots) {
    const common = Math.min(commonPrefix(slot.blocks, blocks), slot.evaluatedBlocks);
    if (common <= (best?.common ?? 0)) continue;
    const { evaluatedBlocks: heldBlocks, turns } = slot;
    best = { common, heldBlocks, movedBlocks: 2 * heldBlocks, turns, use: () => {} };
  }
  return best;
}

function leastRecentlyUsed(slots: readonly Slot[]): Slot {
  const [first, ...others] = slots.filter(({ isBusy }) => !isBusy);
  if (first === undefined) throw new Error("assertion failed: a replica without a free slot is given a job");
  return others.reduce((oldest, slot) => (slot.lastUsedMs < oldest.lastUsedMs ? slot : oldest), first);
}

function isWorthMoving({ promptTokens, profile }: Wanted, common: number, source: Source): boolean {
  const held = reusableTokens(common, promptTokens);
  const tokens = reusableTokens(source.common, promptTokens) - held;
  if (tokens <= 0) return false;
  const moveSeconds = (source.movedBlocks * blockTokens * profile.kvBytesPerToken) / restoreBytesPerSecond;
  return prefillSeconds(profile, { tokens, contextTokens: held }) > moveSeconds + restoreGainSeconds;
}
