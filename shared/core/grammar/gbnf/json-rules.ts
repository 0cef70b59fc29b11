// The rules of JSON (RFC 8259) that every grammar made from a schema draws on. Everything that could go on without
// saying anything is bounded: blanks, digits.

/** A rule, and the rules that it refers to. */
type JsonRule = { readonly body: string; readonly uses: readonly JsonRuleName[] };

export type JsonRuleName =
  | "ws"
  | "value"
  | "object"
  | "member"
  | "more-members"
  | "array"
  | "more-values"
  | "string"
  | "char"
  | "escape"
  | "number"
  | "fraction"
  | "exponent"
  | "integer"
  | "boolean"
  | "null";

export const jsonRules: Readonly<Record<JsonRuleName, JsonRule>> = {
  // Nothing, one blank, or a new line with an indentation: a model that may emit blanks forever sometimes does.
  ws: { body: '| " " | "\\n" [ \\t]{0,40}', uses: [] },
  value: {
    body: "object | array | string | number | boolean | null",
    uses: ["object", "array", "string", "number", "boolean", "null"],
  },
  object: { body: '"{" ws (member more-members* ws)? "}"', uses: ["ws", "member", "more-members"] },
  member: { body: 'string ":" " "? value', uses: ["string", "value"] },
  "more-members": { body: '"," ws member', uses: ["ws", "member"] },
  array: { body: '"[" ws (value more-values* ws)? "]"', uses: ["ws", "value", "more-values"] },
  "more-values": { body: '"," ws value', uses: ["ws", "value"] },
  string: { body: '"\\"" char* "\\""', uses: ["char"] },
  char: { body: '[^"\\\\\\x00-\\x1f] | escape', uses: ["escape"] },
  // One code point. Surrogates come as pairs only, so that the length of a string is what is counted.
  escape: {
    body:
      '"\\\\" (["\\\\/bfnrt] | "u" ([0-9abcefABCEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2} | ' +
      '[dD] [89abAB] [0-9a-fA-F]{2} "\\\\u" [dD] [c-fC-F] [0-9a-fA-F]{2}))',
    uses: [],
  },
  number: { body: "integer fraction? exponent?", uses: ["integer", "fraction", "exponent"] },
  fraction: { body: '"." [0-9]{1,24}', uses: [] },
  // Up to 1e199, so that a number never becomes infinite.
  exponent: { body: '[eE] ("-" [0-9]{1,3} | "+"? ([0-9]{1,2} | "1" [0-9] [0-9]))', uses: [] },
  integer: { body: '"-"? ("0" | [1-9] [0-9]{0,15})', uses: [] },
  boolean: { body: '"true" | "false"', uses: [] },
  null: { body: '"null"', uses: [] },
};

/** Of JSON between tags, which must not hold the beginning of an end tag: a slash behind `<` is escaped, or `<` itself. */
export const jsonRulesInTags: typeof jsonRules = {
  ...jsonRules,
  string: {
    body: '"\\"" ([^"\\\\<\\x00-\\x1f] | escape | "<"+ ([^"\\\\/<\\x00-\\x1f] | escape))* "<"* "\\""',
    uses: ["escape"],
  },
  char: { body: '[^"\\\\<\\x00-\\x1f] | escape', uses: ["escape"] },
};
