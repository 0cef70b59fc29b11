import { callBeginnings } from "./formats/call-beginnings.ts";
import { DeepseekReader, deepseekMarkers } from "./formats/deepseek-reader.ts";
import { HarmonyReader, harmonyMarkers } from "./formats/harmony-reader.ts";
import { JsonCallsReader } from "./formats/json-calls-reader.ts";
import { jsonFormats, jsonMarkers } from "./formats/json-formats.ts";
import { type AnswerStart, type Reader, type ReaderParts, textReader } from "./formats/reader.ts";
import { TaggedCallsReader, taggedFormats, taggedMarkers } from "./formats/tagged-calls-reader.ts";
import { ThoughtReader, type ThoughtTags, thoughtMarkers, thoughtTags } from "./formats/thought-reader.ts";
import { DeltaSink, type OutputDelta } from "./output-delta.ts";

/** Families of models by how they write calls. */
export const callFormats = [
  ...(["none", "hermes", "llama3", "mistral", "deepseek", "harmony", "json"] as const),
  ...(["kimi", "gemma", "qwenCoder", "glm", "minimax", "seed"] as const),
] as const;

/** Tags around thoughts. */
export const thoughtFormats = ["none", ...(Object.keys(thoughtTags) as ThoughtTags[])] as const;

/** How a model writes thoughts and calls. */
export type OutputFormat = {
  readonly calls: (typeof callFormats)[number];
  /** The tags of the block of thoughts that an answer may begin with; those of Harmony are part of its calls. */
  readonly thoughts: (typeof thoughtFormats)[number];
};

export const plainFormat: OutputFormat = { calls: "none", thoughts: "none" };

export type OutputParserOptions = {
  readonly format: OutputFormat;
  /** The prompt has opened a block of thoughts that the answer goes on with. */
  readonly startsInReasoning: boolean;
  /** The prompt has begun the text that the answer goes on with: no thoughts come first, and no header; false by default. */
  readonly startsInText?: boolean;
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

  constructor(options: OutputParserOptions) {
    const { format, startsInReasoning, startsInText = false, toolNames, textParameters = {} } = options;
    const texts = new Map(Object.entries(textParameters).map(([name, parameters]) => [name, new Set(parameters)]));
    const parts: ReaderParts = { sink: this.#sink, toolNames: new Set(toolNames), textParameters: texts };
    const start = startsInText ? "text" : startsInReasoning ? "reasoning" : "start";
    const calls = callsReader(
      parts,
      toolNames.length === 0 && format.calls !== "harmony" ? "none" : format.calls,
      start,
    );
    const tags = tagsOf(format, startsInReasoning);
    const beginnings = callBeginnings(format.calls, parts.toolNames);
    this.#reader = tags === null ? calls : new ThoughtReader(parts, calls, { tags, start, callBeginnings: beginnings });
  }

  /** Whether what came last is a thought, or stands around one. */
  get isThinking(): boolean {
    return this.#reader.isThinking ?? false;
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

/** The tags that thoughts may stand in; null for none. */
export function tagsOf({ calls, thoughts }: OutputFormat, startsInReasoning: boolean): ThoughtTags | null {
  if (calls === "harmony") return null;
  if (thoughts !== "none") return thoughts;
  return startsInReasoning ? "think" : null;
}

function callsReader(parts: ReaderParts, calls: OutputFormat["calls"], start: AnswerStart): Reader {
  switch (calls) {
    case "none":
      return textReader(parts);
    case "harmony":
      return new HarmonyReader(parts, start);
    case "deepseek":
      return new DeepseekReader(parts);
    case "qwenCoder":
    case "glm":
    case "minimax":
    case "seed":
      return new TaggedCallsReader(parts, taggedFormats[calls]);
    default:
      return new JsonCallsReader(parts, jsonFormats[calls], start);
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
  ...jsonMarkers,
]);

/** Guesses the format from the markers in a model's chat template (Jinja); null stands for no template. */
export function detectOutputFormat(chatTemplate: string | null): OutputFormat {
  if (chatTemplate === null) return { calls: "json", thoughts: "none" };
  const calls = detectCalls(chatTemplate);
  return { calls, thoughts: calls === "harmony" ? "none" : detectThoughts(chatTemplate) };
}

function detectCalls(chatTemplate: string): OutputFormat["calls"] {
  const has = (text: string): boolean => chatTemplate.includes(text);
  if (has("<|channel|>")) return "harmony";
  if (has("tool\u2581calls\u2581begin")) return "deepseek";
  if (has("<seed:tool_call>")) return "seed";
  if (has("<minimax:tool_call>")) return "minimax";
  if (has("<tool_call>") && has("<arg_key>")) return "glm";
  if (has("<tool_call>") && has("<function=")) return "qwenCoder";
  // Apriel's says <tool_call> too, where it speaks of the other.
  if (has("<tool_call>")) return has("</tool_calls>") ? "json" : "hermes";
  if (has("[TOOL_CALLS]")) return "mistral";
  if (has("<|tool_call_begin|>")) return "kimi";
  if (has("<|tool_call>")) return "gemma";
  const isLlama = has("<|start_header_id|>") || has("<|header_start|>");
  if (has("<|python_tag|>") || (has("ipython") && isLlama)) return "llama3";
  return "json";
}

/** Some templates only show where thoughts begin, and some only where they end. */
function detectThoughts(chatTemplate: string): OutputFormat["thoughts"] {
  const isShown = (tags: ThoughtTags): boolean => thoughtTags[tags].some((tag) => chatTemplate.includes(tag));
  return thoughtFormats.find((tags) => tags !== "none" && isShown(tags)) ?? "none";
}
