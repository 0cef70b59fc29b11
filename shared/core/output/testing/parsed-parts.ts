// What tests look at of a parsed answer.
import type { OutputDelta } from "../output-delta.ts";
import { type OutputFormat, OutputParser, plainFormat } from "../output-parser.ts";

export type ParsedCall = { readonly name: string; readonly arguments: string; readonly isComplete: boolean };
export type Parts = { readonly text: string; readonly reasoning: string; readonly calls: readonly ParsedCall[] };
export type ParserOptions = Partial<ConstructorParameters<typeof OutputParser>[0]>;

/** Tools of the tests. */
export const toolNames = ["time", "add", "get_weather"];

export function deltasOf(pieces: readonly string[], options: ParserOptions): OutputDelta[] {
  const parser = new OutputParser({ format: plainFormat, startsInReasoning: false, toolNames, ...options });
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()];
}

/** @throws Error where calls mix or have no end. */
export function partsOf(deltas: readonly OutputDelta[]): Parts {
  let [text, reasoning] = ["", ""];
  const calls: { name: string; arguments: string; isComplete: boolean }[] = [];
  let isOpen = false;
  for (const delta of deltas) {
    if (delta.kind === "text") text += delta.text;
    else if (delta.kind === "reasoning") reasoning += delta.text;
    else {
      const isBegin = delta.kind === "toolCallBegin";
      if (isBegin) calls.push({ name: delta.name, arguments: "", isComplete: false });
      const last = calls[delta.index];
      if (last === undefined || delta.index !== calls.length - 1 || isOpen === isBegin)
        throw new Error(`a call is no whole: ${JSON.stringify(deltas)}`);
      isOpen = delta.kind !== "toolCallEnd";
      if (delta.kind === "toolCallArguments") last.arguments += delta.text;
      if (delta.kind === "toolCallEnd") last.isComplete = delta.isComplete;
    }
  }
  if (isOpen) throw new Error(`a call has no end: ${JSON.stringify(deltas)}`);
  return { text, reasoning, calls };
}

export function parse(answer: string, options: ParserOptions): Parts {
  return partsOf(deltasOf([answer], options));
}

export function withCalls(calls: OutputFormat["calls"], thinks = false): ParserOptions {
  return { format: { calls, thoughts: thinks ? "think" : "none" } };
}

/** A whole one. */
export function call(name: string, json: string): ParsedCall {
  return { name, arguments: json, isComplete: true };
}

/** Cuts a text at any code unit. */
export function cut(text: string, places: readonly number[]): string[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [...ends, text.length].map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], end));
}
