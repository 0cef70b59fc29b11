// What clients of the Messages API send, checked field by field. What cannot be honoured is refused by name, never ignored.
import type { PromptInput } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { AnswerShape, GenerationRequest, OutputWish } from "../../core/generation-request.ts";
import type { ApiRequest } from "../answers/answer-request.ts";
import { withShapeTold } from "../openai/answer-shape.ts";
import { only, onlyNothing, parseAt, text } from "../openai/field.ts";
import { chatInput } from "../openai/request-schema.ts";
import { cacheControl } from "./cache-control.ts";
import { parseConversation } from "./conversation.ts";
import { messagesAnswer } from "./messages-answer.ts";
import { efforts, parseThinking } from "./thinking.ts";
import { parseToolChoice, parseTools } from "./tools.ts";

const stopMax = 16;
const stopLengthMax = 1024;

const stopSequences = z
  .array(z.unknown())
  .max(stopMax, { error: `must hold at most ${stopMax} strings` })
  .pipe(z.array(text.pipe(z.string().min(1).max(stopLengthMax))));

const outputConfig = z.strictObject({
  effort: z.enum(efforts).nullish(),
  format: z.strictObject({ type: z.literal("json_schema"), schema: z.record(z.string(), z.unknown()) }).nullish(),
});

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
  cache_control: cacheControl,
  context_management: contextManagement.nullish(),
  mcp_servers: onlyNothing(),
};

const countSchema = z.strictObject(promptFields);

const messagesSchema = z.strictObject({
  ...promptFields,
  max_tokens: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31),
  stop_sequences: stopSequences.nullish(),
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
});

type PromptFields = z.output<typeof countSchema>;

type Prompt = { readonly input: PromptInput; readonly output: OutputWish; readonly isThinkingShown: boolean };

function promptOf(fields: PromptFields, maxTokens: number | null): Prompt {
  const tools = parseTools(fields.tools);
  const format = fields.output_config?.format ?? null;
  const shape: AnswerShape =
    format === null
      ? { kind: "text" }
      : { kind: "schema", schema: format.schema, field: "output_config.format.schema" };
  const effort = fields.output_config?.effort ?? null;
  const { thinking, templateOptions, isShown } = parseThinking({ thinking: fields.thinking, effort, maxTokens });
  const wish = { shape, effort: null, topLogprobs: null };
  const output: OutputWish = { ...wish, ...parseToolChoice(fields.tool_choice, tools), ...thinking };
  const messages = withShapeTold(parseConversation(fields, fields.model), shape);
  return { input: chatInput({ messages, tools, output, templateOptions }), output, isThinkingShown: isShown };
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseMessagesRequest(body: unknown): ApiRequest {
  const parsed = parseAt(messagesSchema, body, []);
  const maxTokens = parsed.max_tokens;
  const { input, output, isThinkingShown } = promptOf(parsed, maxTokens);
  const stop = parsed.stop_sequences ?? [];
  const request: GenerationRequest = {
    api: "anthropic",
    model: parsed.model,
    input,
    output,
    maxTokens,
    // As the API has it: an answer that reaches the end of the context says so when it ends.
    isMaxTokensCut: true,
    timeoutMs: null,
    stop,
    sampling: {
      temperature: parsed.temperature ?? 1,
      topP: parsed.top_p ?? 1,
      topK: parsed.top_k ?? 0,
      minP: 0,
      seed: null,
      repeatPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      dry: null,
      logitBias: [],
    },
  };
  const answer = messagesAnswer({ stop, maxTokens, isThinkingShown });
  return { requests: [request], isStream: parsed.stream ?? false, answer };
}

/** What `count_tokens` is asked about: the same fields, and nothing of the answer. @throws PomonaError that names the field. */
export function parseCountTokens(body: unknown): { readonly model: string; readonly input: PromptInput } {
  const parsed = parseAt(countSchema, body, []);
  return { model: parsed.model, input: promptOf(parsed, null).input };
}
