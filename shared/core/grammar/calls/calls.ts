/** A tool, and the rule of its arguments. */
export type RuledTool = { readonly name: string; readonly rule: string };

/** The rule behind each text that calls begin with. Behind a call comes another one, or the end. */
export type Calls = {
  readonly marked: ReadonlyMap<string, string>;
  /** Those that end thoughts, see `callBeginnings`. */
  readonly inThoughts: ReadonlyMap<string, string>;
};

/** Bounded: a model that may say nothing forever sometimes does. */
export const blank = "[ \\t\\r\\n]{0,8}";
