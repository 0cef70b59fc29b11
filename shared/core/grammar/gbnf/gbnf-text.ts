import type { CodePointRange } from "./code-points.ts";

const namedEscapes: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\" };

/** A literal of a GBNF grammar that matches exactly `text`. */
export function gbnfLiteral(text: string): string {
  let body = "";
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    const isPlain = codePoint >= 32 && codePoint !== 127;
    body += namedEscapes[codePoint] ?? (isPlain ? character : hexEscape(codePoint));
  }
  return `"${body}"`;
}

/** A class of a GBNF grammar; `ranges` must not be empty. */
export function gbnfClass(ranges: readonly CodePointRange[]): string {
  const parts = ranges.map(([low, high]) => classCharacter(low) + (high > low ? `-${classCharacter(high)}` : ""));
  return `[${parts.join("")}]`;
}

function classCharacter(codePoint: number): string {
  const isPlain = codePoint >= 32 && codePoint < 127 && !"^-[]\\".includes(String.fromCodePoint(codePoint));
  return isPlain ? String.fromCodePoint(codePoint) : hexEscape(codePoint);
}

function hexEscape(codePoint: number): string {
  const hex = codePoint.toString(16);
  if (codePoint <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return codePoint <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
