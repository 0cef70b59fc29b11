// What OpenAI's clients send, checked field by field. What cannot be honoured is refused by name, never ignored.
import { PomonaError } from "@pomona/shared/core/errors";
import { z } from "zod";
import type { GenerationRequest } from "../../core/generation-request.ts";

const contentPart = z.object({ type: z.literal("text"), text: z.string() });
const content = z.union([
  z.string(),
  z.array(contentPart).transform((parts) => parts.map(({ text }) => text).join("")),
]);

const message = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: content.nullable().default(""),
  name: z.string().optional(),
  refusal: z.null().optional(),
});

/** Accepted only with the value that asks for nothing. */
const unsupported = (what: string) => z.null({ error: `${what} is not supported yet: leave it out` }).optional();

const common = {
  model: z.string().min(1),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullish(),
  max_tokens: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31)
    .nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string().regex(/^\d{1,9}$/), z.number().min(-100).max(100)).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
    .nullish(),
  n: z.literal(1, { error: "n must be 1: one answer a request" }).nullish(),
  user: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
};

const chatSchema = z.strictObject({
  ...common,
  messages: z.array(message).min(1).max(4096),
  max_completion_tokens: common.max_tokens,
  response_format: z
    .strictObject({ type: z.literal("text", { error: "only the type text is supported yet" }) })
    .nullish(),
  logprobs: z.literal(false, { error: "logprobs is not supported yet: leave it out" }).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  top_logprobs: unsupported("top_logprobs"),
  tools: unsupported("tools"),
  tool_choice: unsupported("tool_choice"),
  functions: unsupported("functions"),
  parallel_tool_calls: unsupported("parallel_tool_calls"),
  audio: unsupported("audio"),
  modalities: z.tuple([z.literal("text")]).nullish(),
  reasoning_effort: unsupported("reasoning_effort"),
});

const completionSchema = z.strictObject({
  ...common,
  prompt: z.union([
    z.string(),
    z.tuple([z.string()]),
    z
      .array(
        z
          .number()
          .int()
          .min(0)
          .max(2 ** 31),
      )
      .min(1),
  ]),
  echo: z.literal(false, { error: "echo is not supported: leave it out" }).nullish(),
  best_of: z.literal(1, { error: "best_of must be 1" }).nullish(),
  logprobs: unsupported("logprobs"),
  suffix: unsupported("suffix"),
});

/** A request, and how its answer is wanted. */
export type ParsedRequest = {
  readonly request: GenerationRequest;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseChat(body: unknown): ParsedRequest {
  const parsed = parse(chatSchema, body);
  const messages = parsed.messages.map(({ role, content: text }) => ({
    role: role === "developer" ? ("system" as const) : role,
    content: text ?? "",
  }));
  return toRequest(parsed, { kind: "chat", messages }, parsed.max_completion_tokens ?? parsed.max_tokens ?? null);
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseCompletion(body: unknown): ParsedRequest {
  const parsed = parse(completionSchema, body);
  // OpenAI's default for completions, unlike chat, is 16 tokens.
  return toRequest(parsed, completionInput(parsed.prompt), parsed.max_tokens ?? 16);
}

function completionInput(prompt: string | [string] | number[]): GenerationRequest["input"] {
  if (typeof prompt === "string") return { kind: "text", text: prompt };
  const [first] = prompt;
  return typeof first === "string" ? { kind: "text", text: first } : { kind: "tokens", tokenIds: prompt.map(Number) };
}

type Common = z.output<ReturnType<typeof commonSchema>>;
function commonSchema() {
  return z.object(common);
}

function toRequest(body: Common, input: GenerationRequest["input"], maxTokens: number | null): ParsedRequest {
  const bias = Object.entries(body.logit_bias ?? {});
  return {
    isStream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    request: {
      api: "openai",
      model: body.model,
      input,
      maxTokens,
      timeoutMs: null,
      stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? []),
      sampling: {
        temperature: body.temperature ?? 1,
        topP: body.top_p ?? 1,
        topK: 0,
        minP: 0,
        seed: body.seed ?? null,
        repeatPenalty: 1,
        presencePenalty: body.presence_penalty ?? 0,
        frequencyPenalty: body.frequency_penalty ?? 0,
        logitBias: bias.map(([tokenId, value]) => ({ tokenId: Number(tokenId), bias: value })),
      },
    },
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : (issue?.path ?? []);
  const field = pathText(path);
  const reason =
    issue?.code === "unrecognized_keys" ? "is not a field that this API knows" : (issue?.message ?? "is wrong");
  throw new PomonaError("invalid_request", field === "" ? `the body: ${reason}` : `${field}: ${reason}`, {
    ...(field === "" ? {} : { field }),
  });
}

/** messages, 0, role -> messages[0].role */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key).slice(0, 100)}`))
    .join("")
    .replace(/^\./, "");
}
