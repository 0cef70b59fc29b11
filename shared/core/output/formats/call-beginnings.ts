import type { OutputFormat } from "../output-parser.ts";

/**
 * How a call of one of the tools begins in formats of models that sometimes call in the middle of their thoughts, which
 * they leave without an end: Qwen 3 and 3.5, Kimi K2.
 */
export function callBeginnings(calls: OutputFormat["calls"], toolNames: Iterable<string>): readonly string[] {
  const write = beginnings[calls];
  return write === undefined ? [] : [...toolNames].flatMap(write);
}

const beginnings: Partial<Readonly<Record<OutputFormat["calls"], (name: string) => readonly string[]>>> = {
  hermes: (name) => [`<tool_call>\n{"name": ${JSON.stringify(name)}`],
  qwenCoder: (name) => [`<tool_call>\n<function=${name}>`, `<function=${name}>`],
  kimi: (name) => {
    const call = `<|tool_call_begin|>functions.${name}:`;
    return [`<|tool_calls_section_begin|>${call}`, call];
  },
};
