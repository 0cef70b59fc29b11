// What OpenAI's clients send, checked field by field. What cannot be honoured is refused by name, never ignored.
import type { PromptInput } from "@pomona/shared/core/generation";
import { z } from "zod";
import { freeOutput, type GenerationRequest, type OutputWish } from "../../core/generation-request.ts";
import type { ApiRequest } from "../answers/answer-request.ts";
import { chatInput, withShapeTold } from "../requests/chat-input.ts";
import { fewFields, invalid, only, onlyNothing, parseAt, text } from "../requests/field.ts";
import { parseStop } from "../requests/stop-strings.ts";
import { parseResponseFormat } from "./answer-shape.ts";
import { promptCacheOptions } from "./cache-hints.ts";
import { chatAnswer } from "./chat-answer.ts";
import { parseCalling } from "./chat-tools.ts";
import { completionAnswer } from "./completion-answer.ts";
import { continuationFields, parseContinuation } from "./continuation.ts";
import { parseContent, parseMessages } from "./messages.ts";
import { samplingFields, samplingOf } from "./sampling.ts";
import { parseTokens } from "./token-ids.ts";

const metadataMax = 16;
const templateOptionsMax = 64;

export const tokenCount = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31)
  .nullish();

/** OpenAI's limit. It changes no answer. */
const metadata = fewFields(metadataMax, "pairs").pipe(z.record(z.string(), z.string()));

const choicesMax = 16;

const common = {
  ...samplingFields,
  model: z.string().min(1).max(256),
  max_tokens: tokenCount,
  stop: z.unknown().optional(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  n: z.number().int().min(1).max(choicesMax).nullish(),
  user: z.string().nullish(),
  metadata: metadata.nullish(),
};

export const topLogprobsMax = 20;
export const effort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]);

const chatSchema = z.strictObject({
  ...common,
  ...continuationFields,
  messages: z.unknown().optional(),
  max_completion_tokens: tokenCount,
  response_format: z.unknown().optional(),
  // Who asks and where to cache: hints that change no answer.
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
  prompt_cache_options: promptCacheOptions,
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().nullish(),
  functions: z.unknown().optional(),
  function_call: z.unknown().optional(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(topLogprobsMax).nullish(),
  store: onlyNothing(),
  service_tier: only("auto", "default"),
  modalities: z.tuple([z.literal("text")], { error: 'must be ["text"]: models of this pool only write' }).nullish(),
  verbosity: only("medium"),
  audio: onlyNothing(),
  reasoning_effort: effort.nullish(),
  // As vLLM and llama-server take it: options of the model's own template.
  chat_template_kwargs: fewFields(templateOptionsMax, "options")
    .pipe(z.record(z.string().max(100), z.union([z.string().max(1000), z.number(), z.boolean()])))
    .nullish(),
  // What an answer may hold, so that it comes sooner where somebody makes use of it.
  prediction: z.strictObject({ type: z.literal("content"), content: z.unknown().optional() }).nullish(),
  web_search_options: onlyNothing(),
  moderation: onlyNothing(),
});

const completionLogprobsMax = 5;

const completionSchema = z.strictObject({
  ...common,
  // 0 has the prompt read, and told where it is echoed.
  max_tokens: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .nullish(),
  prompt: z.unknown().optional(),
  echo: z.boolean().nullish(),
  best_of: z.number().int().min(1).max(choicesMax).nullish(),
  logprobs: z.number().int().min(0).max(completionLogprobsMax).nullish(),
  suffix: text.nullish(),
});

/** OpenAI's default for completions; chat has none. */
const completionTokensDefault = 16;

/** @throws PomonaError `invalid_request` that names the field. */
export function parseChat(body: unknown): ApiRequest {
  const parsed = parseAt(chatSchema, body, []);
  const { tools, wish, callsAreFunctions } = parseCalling(parsed);
  const shape = parseResponseFormat(parsed.response_format);
  const { messages: said, ...continuation } = parseContinuation(parsed, parseMessages(parsed.messages, parsed.model));
  const messages = withShapeTold(said, shape);
  if (parsed.prediction != null)
    parseContent(parsed.prediction.content, { path: ["prediction", "content"], model: parsed.model });
  const output: OutputWish = {
    shape,
    ...wish,
    effort: parsed.reasoning_effort ?? null,
    topLogprobs: chatLogprobs(parsed),
  };
  const templateOptions = parsed.chat_template_kwargs ?? {};
  const input = chatInput({ messages, ...continuation, tools, output, templateOptions });
  const request = toRequest(parsed, {
    input,
    output,
    maxTokens: parsed.max_completion_tokens ?? parsed.max_tokens ?? null,
  });
  const { isStream, ...told } = streamOf(parsed);
  const requests = choicesOf(request, parsed.n ?? 1);
  const answer = chatAnswer({ ...told, namesTier: parsed.service_tier != null, callsAreFunctions });
  return { requests, isStream, answer, promptField: "messages" };
}

function chatLogprobs({ logprobs, top_logprobs }: z.output<typeof chatSchema>): number | null {
  if (logprobs === true) return top_logprobs ?? 0;
  if (top_logprobs != null && top_logprobs > 0)
    throw invalid(["top_logprobs"], "is only for requests with logprobs: true");
  return null;
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseCompletion(body: unknown): ApiRequest {
  const parsed = parseAt(completionSchema, body, []);
  const choices = parsed.n ?? 1;
  const tried = parsed.best_of ?? choices;
  if (tried < choices) throw invalid(["best_of"], `must be at least n, which is ${choices}`);
  const { isStream, ...told } = streamOf(parsed);
  if (isStream && tried > choices) throw invalid(["best_of"], "must be the same as n where the answer is streamed");
  const prompts = parsePrompts(parsed.prompt);
  const inputs = prompts.map((prompt) => withSuffix(prompt, parsed.suffix ?? ""));
  if (inputs.length * tried > choicesMax)
    throw invalid(["prompt"], `asks for ${inputs.length * tried} answers: ${choicesMax} at most in one request`);
  const tellsLogprobs = parsed.logprobs != null;
  const isEcho = parsed.echo === true;
  const logsPrompt = isEcho && (tellsLogprobs || prompts.some(({ kind }) => kind !== "text"));
  if (logsPrompt && inputs.some(({ kind }) => kind === "infill"))
    throw invalid(["echo"], "is not possible with logprobs beside a suffix: the tokens are not those of the prompt");
  const topLogprobs = parsed.logprobs ?? (tried > choices || logsPrompt ? 0 : null);
  const output: OutputWish = { ...freeOutput, topLogprobs, logsPrompt };
  const maxTokens = parsed.max_tokens ?? completionTokensDefault;
  // There is no answer of less than a token; that of a request for none is not told.
  const asked = { output, maxTokens: Math.max(1, maxTokens) };
  const requests = inputs.flatMap((input) => choicesOf(toRequest(parsed, { input, ...asked }), tried));
  const [first, ...others] = requests;
  if (first === undefined) throw invalid(["prompt"], "must not be empty");
  const echoes = prompts.map((input) => (isEcho ? echoOf(input) : ""));
  const answer = completionAnswer({ ...told, echoes, choices, tellsLogprobs, logsPrompt, maxTokens });
  return { requests: [first, ...others], isStream, answer };
}

/** What token ids say only the model knows. */
function echoOf(input: PromptInput): string | null {
  return input.kind === "text" ? input.text : null;
}

/** Choices of one prompt differ by their seed. */
function choicesOf(request: GenerationRequest, count: number): ApiRequest["requests"] {
  const { seed } = request.sampling;
  const others = Array.from({ length: count - 1 }, (_, index) => ({
    ...request,
    sampling: { ...request.sampling, seed: seed === null ? null : (seed + index + 1) % Number.MAX_SAFE_INTEGER },
  }));
  return [request, ...others];
}

/** One prompt, or several. */
function parsePrompts(value: unknown): readonly PromptInput[] {
  if (value === undefined) throw invalid(["prompt"], "is missing");
  // As OpenAI's, an answer to nothing is the beginning of a document.
  if (value === null) return [{ kind: "text", text: "" }];
  if (typeof value === "string") return [{ kind: "text", text: parseAt(text, value, ["prompt"]) }];
  if (!Array.isArray(value)) throw invalid(["prompt"], "must be a string, a list of strings, or a list of token ids");
  if (value.length === 0) throw invalid(["prompt"], "must not be empty");
  if (typeof value[0] === "number") return [parseTokens(value, ["prompt"])];
  if (value.length > choicesMax)
    throw invalid(["prompt"], `must hold at most ${choicesMax} prompts, not ${value.length}`);
  return value.map((prompt: unknown, index) =>
    Array.isArray(prompt)
      ? parseTokens(prompt, ["prompt", index])
      : { kind: "text", text: parseAt(text, prompt, ["prompt", index]) },
  );
}

/** With a suffix it is the gap between the two that is asked for. */
function withSuffix(prompt: PromptInput, suffix: string): PromptInput {
  if (suffix === "") return prompt;
  if (prompt.kind !== "text") throw invalid(["suffix"], "is only possible with a prompt that is text");
  return { kind: "infill", prefix: prompt.text, suffix };
}

type Common = z.output<ReturnType<typeof commonSchema>>;
function commonSchema() {
  return z.object(common);
}

type StreamWish = { readonly isStream: boolean; readonly includeUsage: boolean; readonly isObfuscated: boolean };

function streamOf(body: Common): StreamWish {
  const isStream = body.stream ?? false;
  const options = body.stream_options ?? null;
  if (options !== null && !isStream) throw invalid(["stream_options"], "is only for requests with stream: true");
  const { include_usage: includeUsage, include_obfuscation: isObfuscated } = options ?? {};
  return { isStream, includeUsage: includeUsage ?? false, isObfuscated: isObfuscated ?? false };
}

function toRequest(
  body: Common,
  { input, output, maxTokens }: Pick<GenerationRequest, "input" | "output" | "maxTokens">,
): GenerationRequest {
  return {
    api: "openai",
    model: body.model,
    input,
    output,
    maxTokens,
    timeoutMs: null,
    stop: parseStop(body.stop, ["stop"]),
    sampling: samplingOf(body),
  };
}
