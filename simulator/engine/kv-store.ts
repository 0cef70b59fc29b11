// Saved sequence states of one machine: what a slot held before another conversation took it.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import { blockTokens } from "./prefix.ts";

/** A saved state; `turns` counts the prompts that continued it. */
export type SavedSequence = { readonly blocks: readonly number[]; readonly turns: number; lastUsedMs: number };

/** A conversation goes on after a minute or two, or not at all (study: half-life of 2 to 5 min). */
const halfLifeMs = 240_000;
/** A sequence that was never continued is a one-shot in two of three cases; one that was, in one of three. */
const onceContinuedShare = 0.33;
const oftenContinuedShare = 0.66;

/** Shorter ones that were never continued are not worth their bytes. */
const savedTokensMin = 1024;

export class KvStore {
  readonly #entriesMax: number;
  #entries: SavedSequence[] = [];

  /** @param entriesMax 16 in the study. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get entries(): readonly SavedSequence[] {
    return this.#entries;
  }

  clear(): void {
    this.#entries = [];
  }

  /** The entry that holds most of a prompt, and how many of its blocks. */
  find(blocks: readonly number[]): { readonly entry: SavedSequence; readonly common: number } | null {
    let best: { readonly entry: SavedSequence; readonly common: number } | null = null;
    for (const entry of this.#entries) {
      const common = commonPrefix(entry.blocks, blocks);
      if (common > (best?.common ?? 0)) best = { entry, common };
    }
    return best;
  }

  /** Whether saving would add something that may come again. */
  isWorthSaving(blocks: readonly number[], turns: number): boolean {
    if (blocks.length === 0 || (turns < 2 && blocks.length * blockTokens < savedTokensMin)) return false;
    return !this.#entries.some((entry) => commonPrefix(entry.blocks, blocks) === blocks.length);
  }

  /** Adds a state. Beginnings of it go, and then whatever is least likely to save time. */
  add(blocks: readonly number[], turns: number, nowMs: number): void {
    this.#entries = this.#entries.filter((entry) => commonPrefix(entry.blocks, blocks) < entry.blocks.length);
    this.#entries.push({ blocks, turns, lastUsedMs: nowMs });
    while (this.#entries.length > this.#entriesMax) this.#evict(nowMs);
  }

  #evict(nowMs: number): void {
    let worst = 0;
    let worstWorth = Number.POSITIVE_INFINITY;
    for (const [index, entry] of this.#entries.entries()) {
      const worth = worthOf(entry, nowMs);
      if (worth >= worstWorth) continue;
      worst = index;
      worstWorth = worth;
    }
    this.#entries.splice(worst, 1);
  }
}

/** Expected tokens saved: P(reuse) x tokens. All entries are of one machine, so its speed does not change the order. */
function worthOf({ blocks, turns, lastUsedMs }: SavedSequence, nowMs: number): number {
  const share = turns >= 2 ? oftenContinuedShare : onceContinuedShare;
  return share * 2 ** ((lastUsedMs - nowMs) / halfLifeMs) * blocks.length * blockTokens;
}
