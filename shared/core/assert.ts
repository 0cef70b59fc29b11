/**
 * States what must hold for the code to be right. Stays on in production; never used on input.
 * @throws Error when it does not hold: a bug.
 */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${why}`);
}

/** Makes a switch over a discriminated union exhaustive: it does not compile when a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`);
}
