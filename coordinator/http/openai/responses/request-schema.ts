// What clients of /v1/responses send, checked field by field. What cannot be honoured is refused by name, never ignored.
import { PomonaError } from "@pomona/shared/core/errors";
import { z } from "zod";
import type { GenerationRequest, OutputWish } from "../../../core/generation-request.ts";
import { chatInput, withShapeTold } from "../../requests/chat-input.ts";
import { fewFields, invalid, jsonObject, only, onlyNothing, parseAt, text } from "../../requests/field.ts";
import { promptCacheOptions } from "../cache-hints.ts";
import { effort, tokenCount, topLogprobsMax } from "../request-schema.ts";
import { samplingFields, samplingOf } from "../sampling.ts";
import { conversationOf } from "./conversation.ts";
import { parseInput } from "./input-items.ts";
import type { Item } from "./item.ts";
import type { ResponseSettings } from "./response-object.ts";
import { parseText } from "./text-format.ts";
import { parseChoice, parseTools } from "./tools.ts";

const metadataMax = 16;
const metadataKeyMax = 64;
const metadataValueMax = 512;

/** OpenAI's limits. It changes no answer, and comes back with it. */
const metadata = fewFields(metadataMax, "pairs").pipe(
  z.record(z.string().max(metadataKeyMax), z.string().max(metadataValueMax)),
);

// Nothing says more of the thoughts than they do themselves; there is nobody to shorten them.
const summary = z
  .enum(["auto", "detailed"], { error: "must be auto or detailed: thoughts are not shortened" })
  .nullish();

const reasoning = z.strictObject({
  effort: effort.nullish(),
  summary,
  generate_summary: summary,
  context: only("auto"),
  mode: onlyNothing(),
});

const schema = z.strictObject({
  ...samplingFields,
  model: z.string().min(1).max(256),
  input: z.unknown().optional(),
  instructions: text.nullish(),
  previous_response_id: z.string().max(256).nullish(),
  include: z.unknown().optional(),
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().nullish(),
  max_output_tokens: tokenCount,
  max_tool_calls: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31)
    .nullish(),
  text: z.unknown().optional(),
  reasoning: reasoning.nullish(),
  top_logprobs: z.number().int().min(0).max(topLogprobsMax).nullish(),
  metadata: metadata.nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: only(false) }).nullish(),
  truncation: only("disabled"),
  background: only(false),
  service_tier: only("auto", "default"),
  // Who asks and where to cache: hints that change no answer.
  user: z.string().max(256).nullish(),
  safety_identifier: z.string().max(64).nullish(),
  prompt_cache_key: z.string().max(256).nullish(),
  prompt_cache_retention: z.enum(["in_memory", "24h"]).nullish(),
  // Codex says here which of its sessions and turns asks.
  client_metadata: jsonObject.nullish(),
  prompt_cache_options: promptCacheOptions,
  conversation: onlyNothing("is not supported: send previous_response_id, or the whole conversation as input"),
  prompt: onlyNothing(),
  context_management: onlyNothing(),
  moderation: onlyNothing(),
});

type Parsed = z.output<typeof schema>;

/** What is kept of earlier responses, for one caller. */
export type KeptResponses = {
  /** All items of a response's conversation, its output included; null where it is not kept. */
  conversationOf(responseId: string): readonly Item[] | null;
  itemOf(itemId: string): Item | null;
};

export type ResponsesRequest = {
  readonly request: GenerationRequest;
  readonly isStream: boolean;
  readonly settings: ResponseSettings;
  /** All that the model is given but the instructions. */
  readonly conversation: readonly Item[];
  readonly isStored: boolean;
};

/**
 * `isTakenUp` says that the stream runs already, and its rest is asked for: it needs nothing then that is kept, which another
 * coordinator may have had, and is not stored where that is not known.
 * @throws PomonaError `invalid_request` that names the field, `previous_response_not_found`, `not_found` for an item.
 */
export function parseResponses(body: unknown, kept: KeptResponses, isTakenUp: boolean): ResponsesRequest {
  const parsed = parseAt(schema, body, []);
  const isStream = parsed.stream ?? false;
  if (parsed.stream_options != null && !isStream)
    throw invalid(["stream_options"], "is only for requests with stream: true");
  const { conversation, isWhole } = wholeConversation(parsed, kept, isTakenUp && isStream);
  const includes = parseInclude(parsed.include);
  const tools = parseTools(parsed.tools);
  const choice = parseChoice(parsed.tool_choice, tools);
  const format = parseText(parsed.text);
  const output: OutputWish = {
    shape: format.shape,
    toolChoice: choice.toolChoice,
    ...(choice.allowedTools === undefined ? {} : { allowedTools: choice.allowedTools }),
    isOneCall: parsed.parallel_tool_calls === false || parsed.max_tool_calls === 1,
    effort: parsed.reasoning?.effort ?? null,
    effortField: "reasoning.effort",
    parametersField: "tools[].parameters",
    topLogprobs: logprobsOf(parsed, includes),
  };
  const messages = withShapeTold(conversationOf(parsed.instructions ?? null, conversation), format.shape);
  const shown = { tools: tools.shown, tool_choice: choice.shown, text: format.shown };
  return {
    request: {
      api: "openai",
      model: parsed.model,
      input: chatInput({ messages, tools: tools.definitions, output }),
      output,
      maxTokens: parsed.max_output_tokens ?? null,
      timeoutMs: null,
      stop: [],
      sampling: samplingOf(parsed),
    },
    isStream,
    settings: {
      echo: echoOf(parsed, shown),
      sendsOpaqueThoughts: includes.has("reasoning.encrypted_content"),
      thoughtsAreSummary: summaryOf(parsed) !== null,
      namespaced: tools.namespaced,
    },
    conversation,
    isStored: (parsed.store ?? true) && isWhole,
  };
}

type Conversation = { readonly conversation: readonly Item[]; readonly isWhole: boolean };

function wholeConversation(parsed: Parsed, kept: KeptResponses, mayBeCut: boolean): Conversation {
  const { model, input, previous_response_id: previous } = parsed;
  const before = previous == null ? [] : kept.conversationOf(previous);
  if (before === null && !mayBeCut)
    throw new PomonaError(
      "previous_response_not_found",
      `response ${JSON.stringify(previous?.slice(0, 100))} is not kept here: send the whole conversation as input`,
      { field: "previous_response_id" },
    );
  const items = parseInput(input, { model, before: before ?? [], itemOf: (id) => kept.itemOf(id), mayBeCut });
  const isWhole = before !== null && (!Array.isArray(input) || input.length === items.length);
  return { conversation: [...(before ?? []), ...items], isWhole };
}

/** The last six are about tools of the service and about images, of which an answer here has none to leave out. */
const includable = [
  "message.output_text.logprobs",
  "reasoning.encrypted_content",
  "message.input_image.image_url",
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
] as const;
const includeMax = 16;
const included = z.enum(includable, { error: `must be one of ${includable.join(", ")}` });

function parseInclude(value: unknown): ReadonlySet<(typeof includable)[number]> {
  if (value === undefined || value === null) return new Set();
  if (!Array.isArray(value)) throw invalid(["include"], "must be a list of strings");
  if (value.length > includeMax) throw invalid(["include"], `must hold at most ${includeMax} strings`);
  return new Set(value.map((entry: unknown, index) => parseAt(included, entry, ["include", index])));
}

function logprobsOf({ top_logprobs: top }: Parsed, includes: ReturnType<typeof parseInclude>): number | null {
  if (includes.has("message.output_text.logprobs")) return top ?? 0;
  if (top != null && top > 0)
    throw invalid(["top_logprobs"], 'is only for requests with include: ["message.output_text.logprobs"]');
  return null;
}

/** null where no summary is wanted. */
function summaryOf({ reasoning: asked }: Parsed): string | null {
  return asked?.summary ?? asked?.generate_summary ?? null;
}

/** What the response object says of its request: the fields that OpenAI's, or Open Responses', object always has. */
function echoOf(
  parsed: Parsed,
  shown: { readonly tools: readonly object[]; readonly tool_choice: unknown; readonly text: object },
): ResponseSettings["echo"] {
  return {
    background: false,
    conversation: null,
    frequency_penalty: parsed.frequency_penalty ?? 0,
    instructions: parsed.instructions ?? null,
    max_output_tokens: parsed.max_output_tokens ?? null,
    max_tool_calls: parsed.max_tool_calls ?? null,
    metadata: parsed.metadata ?? {},
    parallel_tool_calls: parsed.parallel_tool_calls ?? true,
    presence_penalty: parsed.presence_penalty ?? 0,
    previous_response_id: parsed.previous_response_id ?? null,
    prompt_cache_key: parsed.prompt_cache_key ?? null,
    prompt_cache_retention: parsed.prompt_cache_retention ?? null,
    reasoning: { effort: parsed.reasoning?.effort ?? null, summary: summaryOf(parsed) },
    safety_identifier: parsed.safety_identifier ?? null,
    service_tier: "default",
    store: parsed.store ?? true,
    temperature: parsed.temperature ?? 1,
    ...shown,
    top_logprobs: parsed.top_logprobs ?? 0,
    top_p: parsed.top_p ?? 1,
    truncation: "disabled",
    // OpenAI's schema has no null here.
    ...(parsed.user == null ? {} : { user: parsed.user }),
  };
}
