// Events of one size, for clients that fear that somebody reads an answer off the sizes of its encrypted pieces.

/** Characters of which the written choices and what fills them up are a whole number of times. */
const step = 64;

/** What a chunk is filled up with where a request wants that; nothing where it does not. */
export function obfuscationOf(choices: readonly object[], isObfuscated: boolean): { readonly obfuscation?: string } {
  if (!isObfuscated) return {};
  const length = Buffer.byteLength(JSON.stringify(choices));
  return { obfuscation: "x".repeat(step - (length % step)) };
}
