// What clients of the Messages API send, checked field by field. What cannot be honoured is refused by name, never ignored.
import { PomonaError } from "@pomona/shared/core/errors";
import { defaultSampling, type PromptInput } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { AnswerShape, GenerationRequest, OutputWish } from "../../core/generation-request.ts";
import type { ApiRequest } from "../answers/answer-request.ts";
import { chatInput, withShapeTold } from "../requests/chat-input.ts";
import { continued } from "../requests/continued.ts";
import { invalid, jsonObject, only, onlyNothing, parseAt } from "../requests/field.ts";
import { parseStopList } from "../requests/stop-strings.ts";
import { cacheControl } from "./cache-control.ts";
import { parseConversation } from "./conversation.ts";
import { messagesAnswer } from "./messages-answer.ts";
import { OfferedTools } from "./offered-tools.ts";
import { checkPrefill } from "./prefill.ts";
import { efforts, parseThinking } from "./thinking.ts";
import { parseToolChoice, parseTools } from "./tools.ts";

const jsonFormat = z.strictObject({ type: z.literal("json_schema"), schema: jsonObject }).nullish();
const outputConfig = z.strictObject({ effort: z.enum(efforts).nullish(), format: jsonFormat });

/** Old thoughts are left out by models' templates; nothing else is taken out of a conversation here. */
const contextManagement = z.strictObject({
  edits: z
    .array(z.strictObject({ type: z.literal("clear_thinking_20251015"), keep: z.unknown().optional() }))
    .max(1)
    .nullish(),
});

/** What a prompt is made of. */
const promptFields = {
  model: z.string().min(1).max(256),
  messages: z.unknown().optional(),
  system: z.unknown().optional(),
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  thinking: z.unknown().optional(),
  output_config: outputConfig.nullish(),
  /** Its name before it came into `output_config`. */
  output_format: jsonFormat,
  cache_control: cacheControl,
  context_management: contextManagement.nullish(),
  mcp_servers: onlyNothing(),
};

// What only says how an answer is made changes nothing of a count.
const countSchema = z.strictObject({
  ...promptFields,
  speed: z.enum(["standard", "fast"]).nullish(),
  compaction: z.strictObject({ type: z.literal("summarize"), instructions: z.string().nullish() }).nullish(),
});

const messagesSchema = z.strictObject({
  ...promptFields,
  max_tokens: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31),
  stop_sequences: z.unknown().optional(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).max(1_000_000).nullish(),
  // Who asks: it changes no answer.
  metadata: z.strictObject({ user_id: z.string().max(1024).nullish() }).nullish(),
  // There is one tier.
  service_tier: only("auto", "standard_only"),
  container: onlyNothing(),
  inference_geo: onlyNothing(),
  billing_policy: onlyNothing(),
  // A model that has none runs alone.
  fallbacks: z.union([z.literal("default"), onlyNothing()], { error: "is not supported: leave it out" }),
  fallback_credit_token: onlyNothing(),
  compaction: onlyNothing(),
  speed: only("standard"),
  // What it asks to be told may always be nothing.
  diagnostics: z.strictObject({ previous_message_id: z.string().max(256).nullish() }).nullish(),
  thread: z.unknown().optional(),
});

type PromptFields = Pick<z.output<typeof countSchema>, keyof typeof promptFields>;

type Prompt = { readonly input: PromptInput; readonly output: OutputWish; readonly isThinkingShown: boolean };

function promptOf(fields: PromptFields, maxTokens: number | null): Prompt {
  const offered = new OfferedTools(parseTools(fields.tools));
  const conversation = parseConversation(fields, {
    model: fields.model,
    tools: offered,
    isCounted: maxTokens === null,
  });
  const { messages: said, continuesLast = false } = continued(conversation);
  const tools = offered.list();
  const shape = shapeOf(fields);
  const effort = fields.output_config?.effort ?? null;
  const { thinking, templateOptions, isShown } = parseThinking({ thinking: fields.thinking, effort, maxTokens });
  if (continuesLast && maxTokens !== null)
    checkPrefill(fields.messages, { isThinking: templateOptions["enable_thinking"] === true, shape });
  const wish = { shape, effort: null, topLogprobs: null, parametersField: "tools[].input_schema" };
  const output: OutputWish = { ...wish, ...parseToolChoice(fields.tool_choice, tools), ...thinking };
  const messages = withShapeTold(said, shape);
  const input = chatInput({ messages, continuesLast, tools, output, templateOptions });
  return { input, output, isThinkingShown: isShown };
}

function shapeOf({ output_config: config, output_format: older }: PromptFields): AnswerShape {
  const newer = config?.format ?? null;
  if (newer !== null && older != null) throw invalid(["output_format"], "is output_config.format by now: send one");
  if (newer !== null) return { kind: "schema", schema: newer.schema, field: "output_config.format.schema" };
  if (older != null) return { kind: "schema", schema: older.schema, field: "output_format.schema" };
  return { kind: "text" };
}

const threadType = z.looseObject({ type: z.enum(["create", "continue"]) });
const threadSchemas = {
  create: z.strictObject({ type: z.literal("create") }),
  continue: z.strictObject({ type: z.literal("continue"), previous_message_id: z.string().max(256) }),
};

/** What begins a thread is taken, and the thread lost at once, as any may be: clients send the conversation again then. */
function refuseThread(thread: unknown): void {
  if (thread === undefined || thread === null) return;
  const { type } = parseAt(threadType, thread, ["thread"]);
  parseAt(threadSchemas[type], thread, ["thread"]);
  if (type === "create") return;
  const message = 'no threads are kept here: send the whole conversation, with thread: {"type": "create"} or without';
  throw new PomonaError("not_found", message, { field: "thread" });
}

/** @throws PomonaError `invalid_request` that names the field; `not_found` for a thread that is to be continued. */
export function parseMessagesRequest(body: unknown, isBeta = false): ApiRequest {
  const parsed = parseAt(messagesSchema, body, []);
  refuseThread(parsed.thread);
  const maxTokens = parsed.max_tokens;
  const { input, output, isThinkingShown } = promptOf(parsed, maxTokens);
  const stop = parseStopList(parsed.stop_sequences, ["stop_sequences"]);
  const request: GenerationRequest = {
    api: "anthropic",
    model: parsed.model,
    input,
    output,
    // None at all asks for a prompt that is held: it is once a token has been drawn, which nobody is told.
    maxTokens: Math.max(1, maxTokens),
    // As the API has it: an answer that reaches the end of the context says so when it ends.
    isMaxTokensCut: true,
    timeoutMs: null,
    stop,
    sampling: {
      ...defaultSampling,
      temperature: parsed.temperature ?? 1,
      topP: parsed.top_p ?? 1,
      topK: parsed.top_k ?? 0,
      seed: null,
    },
  };
  const beta = isBeta ? { isContextManaged: parsed.context_management != null } : null;
  const answer = messagesAnswer({ stop, maxTokens, isThinkingShown, beta });
  return { requests: [request], isStream: parsed.stream ?? false, answer };
}

export type CountRequest = {
  readonly model: string;
  readonly input: PromptInput;
  /** Whether edits of the context were asked for. */
  readonly isContextManaged: boolean;
};

/** What `count_tokens` is asked about: the same fields, and nothing of the answer. @throws PomonaError that names the field. */
export function parseCountTokens(body: unknown): CountRequest {
  const parsed = parseAt(countSchema, body, []);
  const isContextManaged = parsed.context_management != null;
  return { model: parsed.model, input: promptOf(parsed, null).input, isContextManaged };
}
