// One sequence of KV: the tokens that it holds, how they came in, and how to go back.
import { type CacheScope, ownScope } from "@pomona/shared/core/generation";
import { ChunkRecord } from "../../core/chunk-record.ts";
import { keptOf, type Wanted } from "../../core/state-index.ts";
import type { Native, NativeCheckpoint } from "./native.ts";

export type SlotOptions = {
  /** The index of the sequence. */
  readonly id: number;
  readonly native: Native;
  /**
   * The memory of recurrent, hybrid and sliding-window models cannot forget its end: it goes back to a checkpoint, and
   * keeps so many; 0 for other models.
   */
  readonly checkpointsMax: number;
};

/** What a saved sequence does not tell itself. */
export type SavedSequence = {
  readonly scope: CacheScope;
  readonly chunkLengths: readonly number[];
  /** Longest sequence that a slot takes. */
  readonly tokensMax: number;
};

export class Slot {
  readonly id: number;
  readonly #checkpointsMax: number;
  readonly #native: Native;
  #tokenIds: number[] = [];
  #record = new ChunkRecord();
  #checkpoints: NativeCheckpoint[] = [];
  /** Whose tokens these are: prompts of others do not reuse them. */
  scope = ownScope("");

  constructor({ id, native, checkpointsMax }: SlotOptions) {
    this.id = id;
    this.#native = native;
    this.#checkpointsMax = checkpointsMax;
  }

  get needsCheckpoints(): boolean {
    return this.#checkpointsMax > 0;
  }

  get tokenIds(): readonly number[] {
    return this.#tokenIds;
  }

  get length(): number {
    return this.#tokenIds.length;
  }

  get chunkLengths(): readonly number[] {
    return this.#record.lengths;
  }

  /** How many tokens of a prompt the slot can keep. At least one is left to be evaluated: its logits are wanted. */
  reusable(wanted: Wanted): number {
    const kept = keptOf(this, wanted);
    if (!this.needsCheckpoints || kept === this.length) return kept;
    return this.#checkpointWithin(kept)?.length ?? 0;
  }

  /** Forgets all but the first `length` tokens; `length` is one that `reusable` gave, for the same scope. */
  async keep(length: number, scope: CacheScope): Promise<void> {
    this.scope = scope;
    if (length === this.length) return;
    if (length > 0 && (await this.#goBack(length))) {
      this.#tokenIds.length = length;
      this.#record.truncate(length);
      return;
    }
    this.clear();
  }

  /** Notes tokens that a batch has evaluated. */
  add(tokenIds: readonly number[]): void {
    this.#tokenIds.push(...tokenIds);
    this.#record.add(tokenIds.length);
  }

  /** Remembers this point, where the model needs it. */
  async remember(): Promise<void> {
    if (!this.needsCheckpoints || this.#checkpointWithin(this.length)?.length === this.length) return;
    // The oldest goes first: there is room for no more.
    if (this.#checkpoints.length >= this.#checkpointsMax) this.#checkpoints.shift()?.dispose();
    const checkpoint = this.#native.createCheckpoint();
    await checkpoint.init(this.#native.context, this.id);
    this.#checkpoints.push(checkpoint);
  }

  clear(): void {
    this.#native.context.disposeSequence(this.id);
    this.#tokenIds = [];
    this.#record = new ChunkRecord();
    this.#dropCheckpointsAfter(0);
  }

  /** Writes the whole sequence into a file. Returns its bytes. */
  save(path: string): Promise<number> {
    return this.#native.context.saveSequenceStateToFile(path, this.id, Uint32Array.from(this.#tokenIds));
  }

  /** Replaces what the slot holds by a saved sequence. @throws when the file does not fit; the slot is empty then. */
  async restore(path: string, saved: SavedSequence): Promise<void> {
    this.clear();
    try {
      const ids = await this.#native.context.loadSequenceStateFromFile(path, this.id, saved.tokensMax);
      this.#tokenIds = [...ids];
      this.#record = new ChunkRecord(saved.chunkLengths);
      this.scope = saved.scope;
    } catch (error) {
      this.clear();
      throw error;
    }
  }

  #checkpointWithin(length: number): { readonly checkpoint: NativeCheckpoint; readonly length: number } | null {
    const checkpoint = this.#checkpoints.findLast(({ maxPos }) => maxPos < length);
    return checkpoint === undefined ? null : { checkpoint, length: checkpoint.maxPos + 1 };
  }

  async #goBack(length: number): Promise<boolean> {
    const { context } = this.#native;
    if (!this.needsCheckpoints) return context.removeTokenCellsFromSequence(this.id, length, -1);
    this.#dropCheckpointsAfter(length);
    const found = this.#checkpointWithin(length);
    return found !== null && (await context.restoreCheckpoint(found.checkpoint, length - 1));
  }

  #dropCheckpointsAfter(length: number): void {
    // A checkpoint that was disposed of forgets its position.
    const dropped = this.#checkpoints.filter(({ maxPos }) => maxPos >= length);
    this.#checkpoints = this.#checkpoints.filter((checkpoint) => !dropped.includes(checkpoint));
    for (const checkpoint of dropped) checkpoint.dispose();
  }
}
