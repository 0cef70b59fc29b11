// Fills batches so that the engine evaluates all slots at once.
import type { BatchItem, CustomBatchingPrioritizationStrategy, EvaluationPriority } from "node-llama-cpp";

/** Turns of the library's dispatch loop that a batch waits for its last stream. */
const waitsMax = 16;

/** A slot's place in a batch, passed through the library's priority: it takes any number, its types only 1 to 5. */
export function slotPriority(slot: number): EvaluationPriority {
  return (1 + slot / 1024) as EvaluationPriority;
}

/**
 * The library dispatches a batch before the stream that finished last has asked for its next token, and in the order in
 * which samples finish, while llama.cpp evaluates only consecutive, increasing sequence ids together. With its default,
 * four streams run at 0.4 to 0.5 of llama-server; waiting for all and sorting by slot brings 0.8 to 1.0.
 */
export class Batching {
  /** Streams that will ask for an evaluation in this step. */
  expected = 0;
  #waits = 0;

  readonly strategy: CustomBatchingPrioritizationStrategy = ({ items, size }) => {
    if (items.length < this.expected && this.#waits < waitsMax) {
      this.#waits += 1;
      return [];
    }
    this.#waits = 0;
    return share(items, size);
  };
}

/** Single tokens first: a prefill chunk gets what the running streams leave of the batch. */
function share(items: readonly BatchItem[], size: number): { item: BatchItem; processAmount: number }[] {
  const sorted = [...items].sort((a, b) => a.evaluationPriority - b.evaluationPriority);
  let left = size - sorted.filter(({ tokens }) => tokens.length === 1).length;
  return sorted.flatMap((item) => {
    const amount = item.tokens.length === 1 ? 1 : Math.min(item.tokens.length, Math.max(0, left));
    if (item.tokens.length > 1) left -= amount;
    return amount > 0 ? [{ item, processAmount: amount }] : [];
  });
}
