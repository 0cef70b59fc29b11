// What OpenAI's clients send, checked field by field. What cannot be honoured is refused by name, never ignored.
import { z } from "zod";
import type { GenerationRequest } from "../../core/generation-request.ts";
import { invalid, only, onlyNothing, parseAt, text } from "./field.ts";
import { parseMessages } from "./messages.ts";

const biasedTokensMax = 1024;
const metadataMax = 16;
const stopMax = 16;
const stopLengthMax = 1024;

const tokenCount = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31)
  .nullish();
const stopText = text.pipe(z.string().max(stopLengthMax));

/** Counted before it is looked into, so that a body full of faults costs little. */
const logitBias = z
  .record(z.string(), z.unknown())
  .refine((bias) => Object.keys(bias).length <= biasedTokensMax, {
    error: `must name at most ${biasedTokensMax} tokens`,
  })
  .pipe(
    z.record(
      z.string().regex(/^(0|[1-9]\d{0,8})$/, { error: "must be a token id: a whole number" }),
      z.number().min(-100).max(100),
    ),
  );

/** OpenAI's limit. It changes no answer. */
const metadata = z
  .record(z.string(), z.unknown())
  .refine((pairs) => Object.keys(pairs).length <= metadataMax, { error: `must hold at most ${metadataMax} pairs` })
  .pipe(z.record(z.string(), z.string()));

const sampling = {
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: logitBias.nullish(),
};

const stopStrings = z
  .array(z.unknown())
  .max(stopMax, { error: `must hold at most ${stopMax} strings` })
  .pipe(z.array(stopText));

const common = {
  ...sampling,
  model: z.string().min(1).max(256),
  max_tokens: tokenCount,
  // Checked by hand, because a union would hide what is wrong with the one that was meant.
  stop: z.unknown().optional(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: only(false) }).nullish(),
  n: z.literal(1, { error: "must be 1: one answer a request is supported yet" }).nullish(),
  user: z.string().nullish(),
  metadata: metadata.nullish(),
};

const chatSchema = z.strictObject({
  ...common,
  messages: z.unknown().optional(),
  max_completion_tokens: tokenCount,
  response_format: z
    .looseObject({ type: z.literal("text", { error: 'is not supported yet except as "text"' }) })
    .nullish(),
  // Who asks and where to cache: hints that change no answer.
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
  // Without tools these ask for nothing.
  tools: onlyNothing(),
  tool_choice: only("none", "auto"),
  parallel_tool_calls: z.boolean().nullish(),
  functions: onlyNothing(),
  function_call: only("none", "auto"),
  logprobs: onlyNothing(),
  top_logprobs: only(0),
  store: onlyNothing(),
  service_tier: only("auto", "default"),
  modalities: z.tuple([z.literal("text")], { error: 'is not supported yet except as ["text"]' }).nullish(),
  verbosity: only("medium"),
  audio: onlyNothing(),
  reasoning_effort: onlyNothing(),
  prediction: onlyNothing(),
  web_search_options: onlyNothing(),
  moderation: onlyNothing(),
});

const completionSchema = z.strictObject({
  ...common,
  prompt: z.unknown().optional(),
  echo: onlyNothing(),
  best_of: only(1),
  logprobs: onlyNothing(),
  suffix: onlyNothing(),
});

/** OpenAI's default for completions; chat has none. */
const completionTokensDefault = 16;

/** A request, and how its answer is wanted. */
export type ParsedRequest = {
  readonly request: GenerationRequest;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseChat(body: unknown): ParsedRequest {
  const parsed = parseAt(chatSchema, body, []);
  const messages = parseMessages(parsed.messages);
  return toRequest(parsed, { kind: "chat", messages }, parsed.max_completion_tokens ?? parsed.max_tokens ?? null);
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseCompletion(body: unknown): ParsedRequest {
  const parsed = parseAt(completionSchema, body, []);
  return toRequest(parsed, parsePrompt(parsed.prompt), parsed.max_tokens ?? completionTokensDefault);
}

const tokenId = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

function parsePrompt(value: unknown): GenerationRequest["input"] {
  if (value === undefined) throw invalid(["prompt"], "is missing");
  if (typeof value === "string") return { kind: "text", text: parseAt(text, value, ["prompt"]) };
  if (!Array.isArray(value))
    throw invalid(["prompt"], "must be a string, a list with one string, or a list of token ids");
  if (value.length === 0) throw invalid(["prompt"], "must not be empty");
  if (typeof value[0] === "number") {
    return { kind: "tokens", tokenIds: value.map((id: unknown, index) => parseTokenId(id, index)) };
  }
  if (value.length > 1) throw invalid(["prompt"], `must hold one prompt, not ${value.length}: send a request for each`);
  return { kind: "text", text: parseAt(text, value[0], ["prompt", 0]) };
}

function parseTokenId(value: unknown, index: number): number {
  // Most are right, and there may be a million of them.
  if (Number.isInteger(value) && typeof value === "number" && value >= 0 && value < 2 ** 31) return value;
  return parseAt(tokenId, value, ["prompt", index]);
}

function parseStop(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return [parseAt(stopText, value, ["stop"])];
  if (!Array.isArray(value)) throw invalid(["stop"], "must be a string or a list of strings");
  return parseAt(stopStrings, value, ["stop"]);
}

type Common = z.output<ReturnType<typeof commonSchema>>;
function commonSchema() {
  return z.object(common);
}

function toRequest(body: Common, input: GenerationRequest["input"], maxTokens: number | null): ParsedRequest {
  const isStream = body.stream ?? false;
  const options = body.stream_options ?? null;
  if (options !== null && !isStream) throw invalid(["stream_options"], "is only for requests with stream: true");
  const bias = Object.entries(body.logit_bias ?? {});
  return {
    isStream,
    includeUsage: options?.include_usage ?? false,
    request: {
      api: "openai",
      model: body.model,
      input,
      maxTokens,
      timeoutMs: null,
      stop: parseStop(body.stop),
      sampling: {
        // OpenAI's default: a request that does not set it is sampled.
        temperature: body.temperature ?? 1,
        topP: body.top_p ?? 1,
        topK: 0,
        minP: 0,
        seed: body.seed ?? null,
        repeatPenalty: 1,
        presencePenalty: body.presence_penalty ?? 0,
        frequencyPenalty: body.frequency_penalty ?? 0,
        dry: null,
        logitBias: bias.map(([id, value]) => ({ tokenId: Number(id), bias: value })),
      },
    },
  };
}
