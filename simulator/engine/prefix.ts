// Prompts as ids of blocks: equal ids stand for equal tokens.

/** Tokens of one block. */
export const blockTokens = 128;
