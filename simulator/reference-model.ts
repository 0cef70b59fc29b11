// A model whose continuation is known: each token depends on the prompt and on every token before it, so that a resume
// with a wrong token goes wrong for good.

const answerLengthMax = 200;

/** The state of a sequence after its prompt and the tokens that follow it. */
export function sequenceState(promptTokenIds: readonly number[], emittedTokenIds: readonly number[]): number {
  let state = 0x811c9dc5;
  for (const id of promptTokenIds) state = advance(state, id);
  for (const id of emittedTokenIds) state = advance(state, id);
  return state;
}

export function advance(state: number, tokenId: number): number {
  const mixed = Math.imul(state ^ tokenId, 0x01000193);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** The token that follows. */
export function nextToken(state: number): number {
  return (Math.imul(state, 0x9e3779b1) >>> 0) % 50_000;
}

export function textOf(tokenId: number): Uint8Array {
  return Uint8Array.of(tokenId & 0xff, tokenId >>> 8);
}

/** Tokens after which the model ends its answer by itself. */
export function answerLength(promptTokenIds: readonly number[]): number {
  return 1 + (sequenceState(promptTokenIds, []) % answerLengthMax);
}

/** The whole answer to a prompt, as no fault may change it. */
export function expectedTokens(promptTokenIds: readonly number[], maxTokens: number): number[] {
  const ids: number[] = [];
  let state = sequenceState(promptTokenIds, []);
  const length = Math.min(maxTokens, answerLength(promptTokenIds));
  while (ids.length < length) {
    const id = nextToken(state);
    ids.push(id);
    state = advance(state, id);
  }
  return ids;
}

/** A prompt with this token kills every engine that evaluates it. */
export const poisonToken = 666_666;

/** The model whose file no engine can load. */
export const brokenModel = "broken";
