// What is evaluated together.
import type { NativeContext } from "./native.ts";
import type { Slot } from "./slot.ts";

export type BatchEntry = {
  readonly slot: Slot;
  readonly tokenIds: readonly number[];
  /** Whether the logits after the last token are wanted. */
  readonly isLast: boolean;
};

const none = new Uint32Array(0);

/**
 * Evaluates the entries in one batch and notes them in their slots. llama.cpp evaluates only consecutive, increasing
 * sequence ids together, so the entries must come in the order of their slots.
 * @returns the logit index of each entry, null where the logits were not wanted.
 * @throws Error when the engine fails; the slots of the entries are empty then.
 */
export async function evaluate(context: NativeContext, entries: readonly BatchEntry[]): Promise<(number | null)[]> {
  context.initBatch(entries.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0));
  const logitIndexes = entries.map(({ slot, tokenIds, isLast }) => {
    const wanted = isLast ? Uint32Array.of(tokenIds.length - 1) : none;
    return context.addToBatch(slot.id, slot.length, Uint32Array.from(tokenIds), wanted)[0] ?? null;
  });
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
