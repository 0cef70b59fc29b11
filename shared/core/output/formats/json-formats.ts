// Formats of calls that differ by their markers.
import type { JsonCallsOptions, NamedArguments } from "./json-calls-reader.ts";
import { gemmaSyntax, pythonSyntax } from "./literal-arguments.ts";

/** NAME(a=1), and brave_search.call(query="a") of Llama 3. */
const pythonArguments: NamedArguments = { marker: "(", name: /^([\w.-]+?)(?:\.call)?$/, syntax: pythonSyntax };

export const jsonFormats = {
  /** Hermes 2 Pro, Qwen 2.5 and 3, Granite 4. */
  hermes: {
    openers: ["<tool_call>"],
    closers: ["</tool_call>"],
    isBareAllowed: false,
    named: null,
    separators: /[\s,\]]/,
  },
  /** Llama 3.x, and Llama 4 with its own names of the markers. */
  llama3: {
    openers: ["<|python_tag|>", "<|python_start|>"],
    closers: ["<|python_end|>"],
    isBareAllowed: true,
    named: pythonArguments,
    separators: /[\s;,\]]/,
  },
  /** The id of a call stands behind its name since version 11 of the tokenizer, and no more since 13. */
  mistral: {
    openers: ["[TOOL_CALLS]"],
    closers: [],
    isBareAllowed: false,
    named: { marker: "[ARGS]", name: /^([^[]+)(?:\[CALL_ID\]\w*)?$/, syntax: null },
    separators: /[\s,\]]/,
  },
  /** <|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...}: the chat template of Kimi-K2-Instruct. */
  kimi: {
    openers: ["<|tool_calls_section_begin|>", "<|tool_call_begin|>"],
    closers: ["<|tool_call_end|>", "<|tool_calls_section_end|>"],
    isBareAllowed: false,
    named: {
      marker: "<|tool_call_argument_begin|>",
      name: /^(?:<\|tool_call_begin\|>)?\s*(?:functions\.)?([^:]+)(?::\d+)?$/,
      syntax: null,
    },
    separators: /\s/,
  },
  gemma: {
    openers: ["<|tool_call>"],
    closers: ["<tool_call|>"],
    isBareAllowed: false,
    named: { marker: "{", name: /^call:([\w.-]+)$/, syntax: gemmaSyntax },
    separators: /\s/,
  },
  /**
   * Objects, or calls as in Python, in the markers of models that have no format of their own here: Granite 3 and Phi-4,
   * Nemotron Nano 2, Apriel and Hunyuan, Command R7B, LFM2; in a fence; or with none at all.
   */
  json: {
    openers: [
      ...["<tool_call>", "<|tool_call|>", "<TOOLCALL>", "<tool_calls>", "<|START_ACTION|>", "<|tool_call_start|>"],
      ...["functools", "```json"],
    ],
    closers: [
      ...["</tool_call>", "<|/tool_call|>", "</TOOLCALL>", "</tool_calls>", "<|END_ACTION|>", "<|tool_call_end|>"],
      "\n```",
    ],
    isBareAllowed: true,
    named: pythonArguments,
    separators: /[\s;,\]]/,
  },
} as const satisfies Readonly<Record<string, JsonCallsOptions>>;

/** Markers of the formats. */
export const jsonMarkers: readonly string[] = [
  ...Object.values(jsonFormats).flatMap(({ openers, closers, named }) => [
    ...openers,
    ...closers,
    ...(named === null ? [] : [named.marker]),
  ]),
  ...["[CALL_ID]", ...gemmaSyntax.quotes],
];
