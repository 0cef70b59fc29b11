// What a worker needs beside what the engine accounts for.

/** What of a model decides it. */
export type ProcessShape = {
  readonly vocabularySize: number;
  /** Pairs that a byte-pair tokenizer joins. */
  readonly merges: number;
};

/** Measured: 97 to 105 MB resident for a worker with the engine in it, with a tiny model, after full contexts. */
const workerBytes = 111_000_000;
/**
 * Measured up to 256,000 tokens and 440,000 merges: 610 to 680 bytes a token and 410 to 450 a merge, in llama.cpp's
 * tables and in the library's copy of the header.
 */
const tokenBytes = 680;
const mergeBytes = 450;
const valueBytes = 4;

/** One evaluation at its largest. */
export type ProcessLoad = {
  readonly slots: number;
  readonly tokens: number;
  /** The widest operand of a multiplication, in values per token. */
  readonly operandWidth: number;
};

/**
 * llama-context.cpp, `output_reserve`: logits of one token a slot. ggml-cpu.c, `ggml_graph_plan`: the operand of a
 * multiplication once more at 16 bits at most.
 */
export function processBytes(shape: ProcessShape, { slots, tokens, operandWidth }: ProcessLoad): number {
  const tables = shape.vocabularySize * tokenBytes + shape.merges * mergeBytes;
  return workerBytes + tables + shape.vocabularySize * slots * valueBytes + 2 * tokens * operandWidth;
}
