// Which saved sequence states there are, which one helps a prompt, and which ones have to go.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import { type Attempt, type CacheScope, sharedBetween } from "@pomona/shared/core/generation";
import { ChunkRecord, smallChunkMax } from "./chunk-record.ts";

/** The saved KV of one sequence. */
export type SavedState = {
  readonly id: number;
  /** Whose prompts may use it. */
  readonly scope: CacheScope;
  readonly tokenIds: readonly number[];
  /** How its tokens were evaluated, see `ChunkRecord`. */
  readonly chunkLengths: readonly number[];
  readonly bytes: number;
  /** Where it is: in memory, on disk, or both. */
  inRam: boolean;
  onDisk: boolean;
  lastUsedMs: number;
};

export type AddedState = Omit<SavedState, "id" | "inRam" | "onDisk"> & {
  /** Found there; else it has just been made. */
  readonly isOnDisk?: boolean;
};

export type StateLimits = {
  readonly ramBytes: number;
  readonly diskBytes: number;
  /** What may be written to the disk in 24 hours: flash memory wears out. */
  readonly diskWriteBytesPerDay: number;
};

/** What has to be done so that the limits hold. */
export type Eviction =
  | { readonly kind: "writeToDisk"; readonly state: SavedState }
  | { readonly kind: "dropFromRam"; readonly state: SavedState }
  | { readonly kind: "deleteFromDisk"; readonly state: SavedState };

/** Shorter sequences are evaluated sooner than they are saved and restored. */
export const savedTokensMin = 128;
/** Entries at most, whatever their size. */
const statesMax = 256;
const dayMs = 86_400_000;

export class StateIndex {
  readonly #limits: StateLimits;
  readonly #states = new Map<number, SavedState>();
  #lastId = 0;
  /** Writes of the last 24 hours. */
  #writes: { readonly atMs: number; readonly bytes: number }[] = [];

  constructor(limits: StateLimits) {
    this.#limits = limits;
  }

  get states(): Iterable<SavedState> {
    return this.#states.values();
  }

  /** The state that keeps most of a prompt, and how much. One token at least is left to be evaluated. */
  find(wanted: Wanted): { readonly state: SavedState; readonly length: number } | null {
    let best: { readonly state: SavedState; readonly length: number } | null = null;
    for (const state of this.#states.values()) {
      const length = keptOf(state, wanted);
      if (length > (best?.length ?? 0)) best = { state, length };
    }
    return best;
  }

  /** Whether saving the sequence would add anything. */
  isWorthSaving(tokenIds: readonly number[], scope: CacheScope, bytes: number): boolean {
    const { ramBytes, diskBytes } = this.#limits;
    if (tokenIds.length < savedTokensMin || bytes > Math.max(ramBytes, diskBytes)) return false;
    return ![...this.#states.values()].some(
      (state) => state.scope.owner === scope.owner && beginsWith(state.tokenIds, tokenIds),
    );
  }

  /**
   * Adds a state, for memory where it fits there; `evict` tells what becomes of it. Those that are only a beginning of it
   * are returned: they have become useless.
   */
  add({ isOnDisk = false, ...state }: AddedState): {
    readonly added: SavedState;
    readonly replaced: readonly SavedState[];
  } {
    const replaced = [...this.#states.values()].filter(
      (other) => other.scope.owner === state.scope.owner && beginsWith(state.tokenIds, other.tokenIds),
    );
    for (const { id } of replaced) this.#states.delete(id);
    this.#lastId += 1;
    const inRam = !isOnDisk && state.bytes <= this.#limits.ramBytes;
    const added: SavedState = { ...state, id: this.#lastId, inRam, onDisk: isOnDisk };
    this.#states.set(added.id, added);
    return { added, replaced };
  }

  remove(state: SavedState): void {
    this.#states.delete(state.id);
  }

  /** What has to go, the least recently used first; each is noted as done. */
  evict(nowMs: number): Eviction[] {
    const byAge = [...this.#states.values()].sort((a, b) => a.lastUsedMs - b.lastUsedMs);
    const isNowhere = ({ inRam, onDisk }: SavedState): boolean => !inRam && !onDisk;
    const evictions = byAge.filter(isNowhere).flatMap((state) => this.#writeToDisk(state, nowMs));
    let ramBytes = sumBytes(byAge.filter(({ inRam }) => inRam));
    for (const state of byAge) {
      if (ramBytes <= this.#limits.ramBytes) break;
      if (!state.inRam) continue;
      evictions.push(...this.#writeToDisk(state, nowMs), { kind: "dropFromRam", state });
      state.inRam = false;
      ramBytes -= state.bytes;
    }
    let diskBytes = sumBytes(byAge.filter(({ onDisk }) => onDisk));
    let count = this.#states.size;
    for (const state of byAge) {
      const isOver = diskBytes > this.#limits.diskBytes || count > statesMax;
      if (isOver && state.onDisk) {
        evictions.push({ kind: "deleteFromDisk", state });
        state.onDisk = false;
        diskBytes -= state.bytes;
      }
      if (state.inRam || state.onDisk) continue;
      this.#states.delete(state.id);
      count -= 1;
    }
    return evictions;
  }

  /** What is to be written before the memory goes away: the most recently used first, as far as the budgets allow. */
  flush(nowMs: number): Eviction[] {
    const byUse = [...this.#states.values()].sort((a, b) => b.lastUsedMs - a.lastUsedMs);
    return byUse.flatMap((state) => this.#writeToDisk(state, nowMs));
  }

  #writeToDisk(state: SavedState, nowMs: number): Eviction[] {
    if (state.onDisk) return [];
    this.#writes = this.#writes.filter(({ atMs }) => atMs > nowMs - dayMs);
    const { diskBytes, diskWriteBytesPerDay } = this.#limits;
    if (state.bytes > diskBytes || sumBytes(this.#writes) + state.bytes > diskWriteBytesPerDay) return [];
    this.#writes.push({ atMs: nowMs, bytes: state.bytes });
    state.onDisk = true;
    return [{ kind: "writeToDisk", state }];
  }
}

/** A prompt with what earlier attempts emitted; `plan` is how the first attempt evaluated it, or empty. */
export type Wanted = {
  readonly tokenIds: readonly number[];
  readonly scope: CacheScope;
  readonly plan: readonly number[];
  /** All of it is to be evaluated: what is held has no logits. */
  readonly isEvaluated: boolean;
};

/** What an attempt wants of a slot before it goes on. */
export function wantedOf({ promptTokenIds, emittedTokenIds, promptChunkLengths, decoding }: Attempt): Wanted {
  const tokenIds = [...promptTokenIds, ...emittedTokenIds];
  return {
    tokenIds,
    scope: decoding.cacheScope,
    plan: wholePlan(promptChunkLengths, tokenIds.length, emittedTokenIds),
    isEvaluated: decoding.logsPrompt,
  };
}

/** What was emitted came in one by one, and so did a last token of the prompt that stands alone. */
function wholePlan(plan: readonly number[], length: number, emittedTokenIds: readonly number[]): readonly number[] {
  const single = length - plan.reduce((sum, chunk) => sum + chunk, 0);
  if (plan.length === 0 || single > emittedTokenIds.length + 1) return plan;
  const whole = [...plan];
  for (let left = single; left > 0; left -= smallChunkMax) whole.push(Math.min(left, smallChunkMax));
  return whole;
}

/** How many tokens of the prompt the sequence can keep. */
export function keptOf(
  held: Pick<SavedState, "scope" | "tokenIds" | "chunkLengths">,
  { tokenIds, scope, plan, isEvaluated }: Wanted,
): number {
  if (isEvaluated) return 0;
  const record = new ChunkRecord(held.chunkLengths);
  const reusable = Math.min(tokenIds.length - 1, sharedBetween(held.scope, scope));
  let common = Math.min(commonPrefix(held.tokenIds, tokenIds), reusable);
  if (plan.length > 0) common = Math.min(common, record.agreement(plan));
  return common === held.tokenIds.length ? common : record.keepable(common);
}

function beginsWith(longer: readonly number[], shorter: readonly number[]): boolean {
  return longer.length >= shorter.length && commonPrefix(longer, shorter) === shorter.length;
}

function sumBytes(parts: readonly { readonly bytes: number }[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}
