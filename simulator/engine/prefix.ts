// Prompts as ids of blocks: equal ids stand for equal tokens.

/** Tokens of one block. */
export const blockTokens = 128;

/** Blocks that two sequences have in common from their beginning. */
export function commonBlocks(left: readonly number[], right: readonly number[]): number {
  const length = Math.min(left.length, right.length);
  let common = 0;
  while (common < length && left[common] === right[common]) common += 1;
  return common;
}
