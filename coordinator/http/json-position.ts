// Where a text stops being JSON. The built-in parser names the place only sometimes, and quotes the text when it does.

type State = "value" | "valueOrEnd" | "key" | "keyOrEnd" | "colon" | "afterValue";

/** Where a token ends, or where it breaks. */
type Scan = { readonly isValid: boolean; readonly at: number };

/**
 * Index of the first character that cannot stand where it stands (RFC 8259); the length of the text when it ends too
 * early; null when it is JSON. Takes any depth: it keeps a stack of its own.
 */
export function findJsonError(text: string): number | null {
  const closers: string[] = [];
  let state: State = "value";
  let at = 0;
  for (;;) {
    at = skipSpace(text, at);
    if (state === "afterValue" && closers.length === 0) return at === text.length ? null : at;
    const next = step(text, { at, state, closers });
    if (!next.isValid) return next.at;
    at = next.at;
    state = next.state;
  }
}

/** `line L, column C` of an index, both from 1. */
export function lineAndColumn(text: string, index: number): string {
  const before = text.slice(0, index).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

type Place = { readonly at: number; readonly state: State; readonly closers: string[] };

function step(text: string, { at, state, closers }: Place): Scan & { readonly state: State } {
  const character = text[at];
  const closer = closers.at(-1);
  const isEnd = character !== undefined && character === closer;
  switch (state) {
    case "colon":
      return { isValid: character === ":", at: character === ":" ? at + 1 : at, state: "value" };
    case "afterValue":
      if (isEnd) return close(at, closers);
      if (character !== ",") return { isValid: false, at, state };
      return { isValid: true, at: at + 1, state: closer === "}" ? "key" : "value" };
    case "key":
    case "keyOrEnd":
      if (isEnd && state === "keyOrEnd") return close(at, closers);
      if (character !== '"') return { isValid: false, at, state };
      return { ...scanString(text, at), state: "colon" };
    case "value":
    case "valueOrEnd":
      if (isEnd && state === "valueOrEnd") return close(at, closers);
      if (character === "{" || character === "[") {
        closers.push(character === "{" ? "}" : "]");
        return { isValid: true, at: at + 1, state: character === "{" ? "keyOrEnd" : "valueOrEnd" };
      }
      return { ...scanScalar(text, at), state: "afterValue" };
  }
}

function close(at: number, closers: string[]): Scan & { readonly state: State } {
  closers.pop();
  return { isValid: true, at: at + 1, state: "afterValue" };
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at += 1;
  return at;
}

function scanScalar(text: string, at: number): Scan {
  if (text[at] === '"') return scanString(text, at);
  for (const word of ["true", "false", "null"]) {
    if (text[at] === word[0]) return scanWord(text, at, word);
  }
  return scanNumber(text, at);
}

function scanWord(text: string, at: number, word: string): Scan {
  let length = 0;
  while (length < word.length && text[at + length] === word[length]) length += 1;
  return { isValid: length === word.length, at: at + length };
}

function scanNumber(text: string, at: number): Scan {
  const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  number.lastIndex = at;
  return number.test(text) ? { isValid: true, at: number.lastIndex } : { isValid: false, at };
}

/** A loop and no expression: a long string would overflow the stack of one. */
function scanString(text: string, from: number): Scan {
  let at = from + 1;
  while (at < text.length) {
    const character = text[at] ?? "";
    if (character === '"') return { isValid: true, at: at + 1 };
    if (character < " ") return { isValid: false, at };
    if (character === "\\") {
      const length = escapeLength(text, at);
      if (length === 0) return { isValid: false, at };
      at += length;
    } else at += 1;
  }
  return { isValid: false, at: text.length };
}

function escapeLength(text: string, at: number): number {
  if (text[at + 1] === "u") return /^[0-9a-fA-F]{4}$/.test(text.slice(at + 2, at + 6)) ? 6 : 0;
  return '"\\/bfnrt'.includes(text[at + 1] ?? "?") ? 2 : 0;
}
