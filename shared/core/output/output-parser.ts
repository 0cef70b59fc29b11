import { DeepseekReader, deepseekMarkers } from "./formats/deepseek-reader.ts";
import { HarmonyReader, harmonyMarkers } from "./formats/harmony-reader.ts";
import { type JsonCallsOptions, JsonCallsReader } from "./formats/json-calls-reader.ts";
import { type Reader, type ReaderParts, textReader } from "./formats/reader.ts";
import { TaggedCallsReader, taggedFormats, taggedMarkers } from "./formats/tagged-calls-reader.ts";
import { ThoughtReader, thoughtMarkers } from "./formats/thought-reader.ts";
import { DeltaSink, type OutputDelta } from "./output-delta.ts";

/** Families of models by how they write calls. */
export const callFormats = [
  ...(["none", "hermes", "llama3", "mistral", "deepseek", "harmony", "json"] as const),
  ...(["qwenCoder", "glm", "minimax", "seed"] as const),
] as const;

/** How a model writes thoughts and calls. */
export type OutputFormat = {
  readonly calls: (typeof callFormats)[number];
  /** Whether it may begin with a block of thoughts. */
  readonly thinks: boolean;
};

export const plainFormat: OutputFormat = { calls: "none", thinks: false };

export type OutputParserOptions = {
  readonly format: OutputFormat;
  /** The prompt has opened a block of thoughts that the answer goes on with. */
  readonly startsInReasoning: boolean;
  /** Tools that may be called; without any, calls are text. */
  readonly toolNames: readonly string[];
  /** Of each tool by name, the parameters whose values are texts: some formats write values without quotes. */
  readonly textParameters?: Readonly<Record<string, readonly string[]>>;
};

/**
 * Parts an answer into text, thoughts and calls while it comes. Any cut of the same answer into pieces gives the same
 * parts; what is no whole call stays text; nothing is held back longer than it may still become something else, and
 * never more than 64 Ki characters and a marker.
 */
export class OutputParser {
  readonly #sink = new DeltaSink();
  readonly #reader: Reader;

  constructor({ format, startsInReasoning, toolNames, textParameters = {} }: OutputParserOptions) {
    const texts = new Map(Object.entries(textParameters).map(([name, parameters]) => [name, new Set(parameters)]));
    const parts: ReaderParts = { sink: this.#sink, toolNames: new Set(toolNames), textParameters: texts };
    const calls = callsReader(
      parts,
      toolNames.length === 0 && format.calls !== "harmony" ? "none" : format.calls,
      startsInReasoning,
    );
    const isThinking = format.thinks || startsInReasoning;
    this.#reader =
      isThinking && format.calls !== "harmony" ? new ThoughtReader(parts, calls, startsInReasoning) : calls;
  }

  push(text: string): OutputDelta[] {
    for (const character of text) this.#reader.push(character);
    return this.#sink.take();
  }

  /** The rest, when the answer has ended. */
  finish(): OutputDelta[] {
    this.#reader.finish();
    return this.#sink.take();
  }
}

const jsonFormats: Readonly<Record<"hermes" | "llama3" | "mistral" | "json", JsonCallsOptions>> = {
  hermes: {
    openers: ["<tool_call>"],
    closers: ["</tool_call>"],
    isBareAllowed: false,
    argumentsMarker: null,
    separators: /\s/,
  },
  llama3: { openers: ["<|python_tag|>"], closers: [], isBareAllowed: true, argumentsMarker: null, separators: /[\s;]/ },
  mistral: {
    openers: ["[TOOL_CALLS]"],
    closers: [],
    isBareAllowed: false,
    argumentsMarker: "[ARGS]",
    separators: /[\s,\]]/,
  },
  json: { openers: [], closers: [], isBareAllowed: true, argumentsMarker: null, separators: /[\s;,\]]/ },
};

function callsReader(parts: ReaderParts, calls: OutputFormat["calls"], startsInReasoning: boolean): Reader {
  switch (calls) {
    case "none":
      return textReader(parts);
    case "harmony":
      return new HarmonyReader(parts, startsInReasoning);
    case "deepseek":
      return new DeepseekReader(parts);
    case "qwenCoder":
    case "glm":
    case "minimax":
    case "seed":
      return new TaggedCallsReader(parts, taggedFormats[calls]);
    default:
      return new JsonCallsReader(parts, jsonFormats[calls]);
  }
}

/**
 * The tokens whose text an answer must hold although they are control tokens of some models: without them no part could
 * be told from another.
 */
export const outputMarkers: ReadonlySet<string> = new Set([
  ...thoughtMarkers,
  ...harmonyMarkers,
  ...deepseekMarkers,
  ...taggedMarkers,
  ...Object.values(jsonFormats).flatMap(({ openers, closers, argumentsMarker }) => [
    ...openers,
    ...closers,
    ...(argumentsMarker === null ? [] : [argumentsMarker]),
  ]),
]);

/** Guesses the format from the markers in a model's chat template (Jinja); null stands for no template. */
export function detectOutputFormat(chatTemplate: string | null): OutputFormat {
  if (chatTemplate === null) return { calls: "json", thinks: false };
  const has = (text: string): boolean => chatTemplate.includes(text);
  const thinks = has("</think>") || has("<think>");
  if (has("<|channel|>")) return { calls: "harmony", thinks: false };
  if (has("tool\u2581calls\u2581begin")) return { calls: "deepseek", thinks };
  if (has("<seed:tool_call>")) return { calls: "seed", thinks };
  if (has("<minimax:tool_call>")) return { calls: "minimax", thinks };
  if (has("<tool_call>") && has("<arg_key>")) return { calls: "glm", thinks };
  if (has("<tool_call>") && has("<function=")) return { calls: "qwenCoder", thinks };
  if (has("<tool_call>")) return { calls: "hermes", thinks };
  if (has("[TOOL_CALLS]")) return { calls: "mistral", thinks };
  if (has("<|python_tag|>") || (has("ipython") && has("<|start_header_id|>"))) return { calls: "llama3", thinks };
  return { calls: "json", thinks };
}
