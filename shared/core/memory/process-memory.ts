// What a worker needs beside what the engine accounts for.

/** What of a model decides it. */
export type ProcessShape = {
  readonly vocabularySize: number;
  /** Pairs that a byte-pair tokenizer joins. */
  readonly merges: number;
};

/**
 * Checkpoints that the engine keeps of a slot whose model cannot forget the end of a sequence: one before the last token
 * of each prompt, the oldest leaves first.
 */
export const checkpointsMax = 8;

/** Measured: 104 to 117 MB resident for a worker with the engine in it, with a tiny model, after full contexts. */
const workerBytes = 122_000_000;
/**
 * Measured from 8,000 to 256,000 tokens: 600 to 1,000 bytes a token and 220 to 240 a merge, in llama.cpp's tables and in
 * the library's copy of the header.
 */
const tokenBytes = 1000;
const mergeBytes = 250;
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
