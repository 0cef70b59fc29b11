// What is evaluated together.
import type { NativeContext } from "./native.ts";
import type { Slot } from "./slot.ts";

export type BatchEntry = {
  readonly slot: Slot;
  readonly tokenIds: readonly number[];
  /** After which of the tokens the logits are wanted, in ascending order. */
  readonly logitPlaces: readonly number[];
};

/**
 * Evaluates the entries in one batch and notes them in their slots. llama.cpp evaluates only consecutive, increasing
 * sequence ids together, so the entries must come in the order of their slots.
 * @returns the logit indexes of each entry, one for each place.
 * @throws Error when the engine fails; the slots of the entries are empty then.
 */
export async function evaluate(context: NativeContext, entries: readonly BatchEntry[]): Promise<Uint32Array[]> {
  context.initBatch(entries.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0));
  const logitIndexes = entries.map(({ slot, tokenIds, logitPlaces }) =>
    context.addToBatch(slot.id, slot.length, Uint32Array.from(tokenIds), Uint32Array.from(logitPlaces)),
  );
  try {
    await context.decodeBatch();
  } catch (error) {
    // What a failed evaluation left behind is not to be built upon.
    for (const { slot } of entries) slot.clear();
    throw error;
  }
  for (const { slot, tokenIds } of entries) slot.add(tokenIds);
  return logitIndexes;
}
