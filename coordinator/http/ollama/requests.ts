// What Ollama's clients send, checked field by field. What cannot be honoured is refused by name, never ignored.
import type { ChatMessage, PromptInput } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { AnswerShape, GenerationRequest, ModelSummary, OutputWish } from "../../core/generation-request.ts";
import type { ApiRequest } from "../answers/answer-request.ts";
import { parseChatTools } from "../openai/chat-tools.ts";
import { chatInput, withShapeTold } from "../requests/chat-input.ts";
import { continued } from "../requests/continued.ts";
import { invalid, only, onlyNothing, parseAt, text } from "../requests/field.ts";
import { parseToolChoice, toolName } from "../requests/tools.ts";
import { ollamaAnswer } from "./answers.ts";
import { parseCarried } from "./carried-conversation.ts";
import { checkImages, parseConversation } from "./conversation.ts";
import { isUnloading } from "./keep-alive.ts";
import { findModel } from "./models.ts";
import { type BesideOptions, besideOptions, parseOptions } from "./options.ts";

const topLogprobsMax = 20;

const common = {
  model: z.string().min(1).max(256),
  // In Ollama's API answers come piece by piece unless told otherwise.
  stream: z.boolean().nullish(),
  format: z.unknown().optional(),
  options: z.unknown().optional(),
  keep_alive: z.unknown().optional(),
  think: z
    .union([z.boolean(), z.enum(["low", "medium", "high", "max"])], {
      error: "must be true, false, low, medium, high or max",
    })
    .nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(topLogprobsMax).nullish(),
  // What is too long is refused either way, and nothing of it is left out.
  truncate: z.boolean().nullish(),
  shift: z.boolean().nullish(),
  _debug_render_only: only(false),
};

const nothing = z.literal("", { error: "is not supported: leave it out" }).nullish();

// `tool_choice` and what stands beside the options are the AI SDK's, whose providers speak to Ollama as to OpenAI.
const chatSchema = z.strictObject({
  ...common,
  ...besideOptions,
  messages: z.unknown().optional(),
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  template: nothing,
});
const namedTool = z.strictObject({ type: z.literal("function"), name: toolName });

const generateSchema = z.strictObject({
  ...common,
  prompt: text.nullish(),
  system: text.nullish(),
  raw: z.boolean().nullish(),
  suffix: text.nullish(),
  template: nothing,
  images: z.unknown().optional(),
  context: z.unknown().optional(),
  width: onlyNothing(),
  height: onlyNothing(),
  steps: onlyNothing(),
});

/** A request for an answer, or for nothing but the model to be there, or not to be loaded, which it is not. */
export type OllamaRequest =
  | { readonly kind: "answer"; readonly asked: ApiRequest }
  | { readonly kind: "load" | "unload"; readonly model: string; readonly asked: string };

/** The pool's models, where a request has to be compared with them. */
type Models = () => readonly ModelSummary[];

/** @throws PomonaError `invalid_request` that names the field. */
export function parseChat(body: unknown, models: Models): OllamaRequest {
  const parsed = parseAt(chatSchema, body, []);
  const { messages } = parsed;
  if (messages !== undefined && messages !== null && !Array.isArray(messages))
    throw invalid(["messages"], "must be a list of messages");
  const conversation = parseConversation(messages ?? [], parsed.model);
  if (conversation.length === 0) return loadOf(parsed, models);
  const tools = parseChatTools(parsed.tools);
  const path = ["tool_choice"];
  const nameOf = (choice: object): string => parseAt(namedTool, choice, path).name;
  const toolChoice = parseToolChoice(parsed.tool_choice, tools, { path, nameOf });
  const output = { ...outputOf(parsed), toolChoice };
  const { messages: said, ...continuation } = continued(conversation);
  const input = chatInput({
    messages: withShapeTold(said, output.shape),
    ...continuation,
    tools,
    output,
    templateOptions: thinkOptions(parsed.think),
  });
  return answerOf(parsed, { input, output, api: "chat", models });
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseGenerate(body: unknown, models: Models): OllamaRequest {
  const parsed = parseAt(generateSchema, body, []);
  checkImages(parsed.images, ["images"], parsed.model);
  const prompt = parsed.prompt ?? "";
  const suffix = parsed.suffix ?? "";
  if (prompt === "" && suffix === "") return loadOf(parsed, models);
  const system = parsed.system ?? "";
  const output = outputOf(parsed);
  const carried = parseCarried(parsed.context);
  if (parsed.raw === true || suffix !== "") {
    const reason = `is not possible with ${suffix === "" ? "raw: true" : "a suffix"}: put it into the prompt`;
    if (system !== "") throw invalid(["system"], reason);
    if (carried.length > 0) throw invalid(["context"], reason);
    const input = suffix === "" ? ({ kind: "text", text: prompt } as const) : gapOf(prompt, suffix, parsed.raw);
    return answerOf(parsed, { input, output, api: "generate", models });
  }
  // A new word of the system stands for the one before.
  const earlier = system === "" ? carried : carried.filter(({ role }) => role !== "system");
  const begin = system === "" ? [] : [{ role: "system", content: system } as const];
  const conversation = [...begin, ...earlier, { role: "user", content: prompt } as const];
  const messages = withShapeTold(conversation, output.shape);
  const input = chatInput({ messages, tools: [], output, templateOptions: thinkOptions(parsed.think) });
  return answerOf(parsed, { input, output, api: "generate", models, conversation });
}

function gapOf(prefix: string, suffix: string, raw: boolean | null | undefined): PromptInput {
  if (raw === true)
    throw invalid(["raw"], "is not possible with a suffix: the model's own tokens stand around the gap");
  return { kind: "infill", prefix, suffix };
}

type Common = z.output<ReturnType<typeof commonSchema>>;
function commonSchema() {
  return z.object(common);
}

function loadOf({ model, options, keep_alive }: Common, models: Models): OllamaRequest {
  const found = findModel(model, models);
  parseOptions(options, () => found.contextLength());
  const isUnload = isUnloading(keep_alive);
  const state = found.state();
  if (isUnload && state !== null && state !== "idle")
    throw invalid(
      ["keep_alive"],
      "unloads nothing here: a model stays as long as its deployment says (pomona models add --keep-alive)",
    );
  return { kind: isUnload && state === "idle" ? "unload" : "load", model: found.name, asked: model };
}

type Wanted = {
  readonly input: PromptInput;
  readonly output: OutputWish;
  readonly api: "chat" | "generate";
  readonly models: Models;
  /** What the answer carries on for the client; nothing by default. */
  readonly conversation?: readonly ChatMessage[];
};

function answerOf(body: Common & BesideOptions, { input, output, api, models, conversation }: Wanted): OllamaRequest {
  isUnloading(body.keep_alive);
  const found = findModel(body.model, models);
  const request: GenerationRequest = {
    api: "ollama",
    model: found.name,
    input,
    output,
    timeoutMs: null,
    // As in Ollama: the answer ends at the latest where the context does.
    isMaxTokensCut: true,
    ...parseOptions(body.options, () => found.contextLength(), body),
  };
  return {
    kind: "answer",
    asked: {
      requests: [request],
      isStream: body.stream ?? true,
      answer: ollamaAnswer(api, { model: body.model, conversation }),
    },
  };
}

function outputOf({ format, think, logprobs, top_logprobs: top }: Common): OutputWish {
  if (logprobs !== true && top != null && top > 0)
    throw invalid(["top_logprobs"], "is only for requests with logprobs: true");
  return {
    shape: shapeOf(format),
    toolChoice: "auto",
    isOneCall: false,
    effort: null,
    topLogprobs: logprobs === true ? (top ?? 0) : null,
    ...(think == null ? {} : { thinking: { isOn: think !== false, field: "think" } }),
  };
}

function shapeOf(format: unknown): AnswerShape {
  if (format === undefined || format === null || format === "") return { kind: "text" };
  if (format === "json") return { kind: "json", field: "format" };
  if (typeof format !== "object" || Array.isArray(format)) throw invalid(["format"], "must be json, or a JSON schema");
  return { kind: "schema", schema: format, field: "format" };
}

/** Each template knows one of the two. */
function thinkOptions(think: Common["think"]): Readonly<Record<string, string | boolean>> {
  if (think == null) return {};
  if (typeof think === "boolean") return { enable_thinking: think };
  return { enable_thinking: true, reasoning_effort: think === "max" ? "high" : think };
}
