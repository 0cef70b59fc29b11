// Renders a conversation with the model's own template and makes token ids of it. What people and tools wrote never
// becomes a special token.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Chat, ChatMessage, ToolCall, ToolDefinition } from "@pomona/shared/core/generation";
import { type AnswerForm, detectAnswerForm } from "@pomona/shared/core/output/answer-form";
import { readBeginning } from "@pomona/shared/core/output/begun-answer";
import type { ThoughtTags } from "@pomona/shared/core/output/formats/thought-reader";
import { detectOutputFormat, tagsOf } from "@pomona/shared/core/output/output-parser";
import type { LlamaModel } from "node-llama-cpp";
import { beginningMark, withOpenThoughts, withoutThoughts, withThoughts } from "../../core/begun-answer.ts";
import { chatVariants, withShortIds } from "../../core/chat-variants.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { TokenizedPrompt } from "../engine.ts";
import type { Native, NativeRenderer } from "./native.ts";
import type { CountLimits } from "./token-count.ts";
import { WrittenText } from "./written-text.ts";

/** For a model without a template: a transcript. */
const plainTemplate = `{% for message in messages %}{{ message.role }}: {{ message.content }}
{% endfor %}assistant:`;
const plainStop = ["\nuser:", "\nsystem:", "\ntool:"];

export type RenderedChat = TokenizedPrompt;

/** A reason may name a place that is as deep as what was sent. */
const reasonLengthMax = 300;

/** Begins as no question does: with a noncharacter of Unicode. */
const otherQuestion = "\ufdd1";

type RenderedText = { readonly text: string; readonly areToolsInWords: boolean };

type MessageInput = { readonly role: string; readonly content: string } & Readonly<Record<string, unknown>>;
type TemplateOptions = NonNullable<Chat["templateOptions"]>;
type TemplateInput = { readonly messages: readonly MessageInput[] } & Readonly<Record<string, unknown>>;

export class ChatTemplate {
  readonly #model: LlamaModel;
  readonly #template: string | null;
  readonly #renderer: NativeRenderer;
  readonly #written: WrittenText;

  /** @throws Error when the template cannot be read. */
  constructor(model: LlamaModel, native: Native) {
    const { chat_template } = model.fileInfo.metadata.tokenizer;
    this.#model = model;
    this.#template = chat_template ?? null;
    this.#renderer = native.createRenderer(chat_template ?? plainTemplate);
    this.#written = new WrittenText(model);
  }

  /** @throws PomonaError `invalid_request` with the template's reason. */
  async tokenize(chat: Chat, limits: CountLimits): Promise<RenderedChat> {
    const { text, areToolsInWords, ...begun } =
      chat.continuesLast === true ? this.#renderBegun(chat) : this.#render(chat);
    const { tokens: tokenIds, leftOut: tokensLeftOut } = await this.#written.tokenize(text, limits);
    const form = { ...detectAnswerForm(this.#template, text), ...begun };
    return {
      tokenIds,
      tokensLeftOut,
      sharedTokens: chat.isSystemShared === true ? await this.#sharedLength(chat, tokenIds, limits) : 0,
      stop: this.#template === null ? plainStop : [],
      form: areToolsInWords ? { ...form, format: { ...form.format, calls: "json" } } : form,
    };
  }

  /** As far as another conversation with the same system, tools and options begins alike. */
  async #sharedLength(chat: Chat, tokenIds: readonly number[], limits: CountLimits): Promise<number> {
    const first = chat.messages.findIndex(({ role }) => role !== "system");
    if (first <= 0) return 0;
    const messages = [...chat.messages.slice(0, first), { role: "user", content: otherQuestion } as const];
    const other = this.#tryRender({ ...chat, messages, continuesLast: false });
    if (!("text" in other)) return 0;
    const { tokens } = await this.#written.tokenize(other.text, limits);
    return commonPrefix(tokenIds, tokens);
  }

  /**
   * Up to the end of the last message's text, as the template writes it where it is the last one: what HF transformers do for
   * `continue_final_message` (utils/chat_template_utils.py), and Ollama's renderers.
   */
  #renderBegun(chat: Chat): RenderedText & Pick<AnswerForm, "startsInReasoning" | "startsInText"> {
    const format = detectOutputFormat(this.#template);
    const tags = tagsOf(format, false);
    const begun = readBeginning(chat.messages.at(-1) ?? { content: "" }, tags);
    const others = chat.messages.slice(0, -1);
    const thoughts = this.#written.harmless(begun.thoughts);
    if (begun.isThinking && tags !== null) {
      const templateOptions = { enable_thinking: true, ...chat.templateOptions };
      const { text, ...rest } = this.#render({ ...chat, messages: others, continuesLast: false, templateOptions });
      return { ...rest, text: withOpenThoughts(text, thoughts, tags), startsInReasoning: true };
    }
    const reasoned = begun.thoughts.trim() === "" ? {} : { reasoning: begun.thoughts };
    const last = { role: "assistant", content: beginningMark, ...reasoned } as const;
    const { text, ...rest } = this.#render({ ...chat, messages: [...others, last] });
    const before = tags === null ? text : this.#behindThoughts(text, { ...chat, messages: others }, { thoughts, tags });
    const startsInText = begun.text !== "";
    // Behind thoughts alone the answer may be anything.
    const head = startsInText || format.calls !== "harmony" ? before : withoutHeader(before);
    return { ...rest, text: head + this.#written.harmless(begun.text), startsInReasoning: false, startsInText };
  }

  #behindThoughts(before: string, others: Chat, { thoughts, tags }: { thoughts: string; tags: ThoughtTags }): string {
    if (thoughts.trim() !== "") return withThoughts(before, thoughts, tags);
    const templateOptions = { enable_thinking: false, ...others.templateOptions };
    const prompt = this.#tryRender({ ...others, continuesLast: false, templateOptions });
    return "text" in prompt ? withoutThoughts(before, prompt.text, tags) : before;
  }

  #render(chat: Chat): RenderedText {
    const rendered = this.#tryRender(chat);
    if ("text" in rendered) return rendered;
    const reason = rendered.reason.replace(/^AddonJinjaRenderer: /, "").slice(0, reasonLengthMax);
    const message = `the model's chat template cannot render these messages: ${reason}`;
    throw new PomonaError("invalid_request", message, { field: "messages" });
  }

  /** The first form that the template takes whole, or else one that it takes, or why it takes none. */
  #tryRender(chat: Chat): RenderedText | { readonly reason: string } {
    let reason: string | null = null;
    let partial: RenderedText | null = null;
    const hasTools = (chat.tools ?? []).length > 0;
    for (const variant of this.#variantsOf(chat)) {
      try {
        const input = this.#inputOf(variant);
        const whole = this.#renderer.render(input);
        const text = variant.continuesLast === true ? beforeMark(whole) : whole;
        const rendered = { text, areToolsInWords: hasTools && variant.tools === undefined };
        if (isSaid(text, input.messages) && this.#tellsTools(whole, variant)) return rendered;
        partial ??= rendered;
      } catch (error) {
        reason ??= error instanceof Error ? error.message : String(error);
      }
    }
    return partial ?? { reason: reason ?? "" };
  }

  /** Some templates expect tools in another place: they make the same text without them. */
  #tellsTools(text: string, { tools = [], ...rest }: Chat): boolean {
    return tools.every(({ name }) => text.includes(name)) || this.#renderer.render(this.#inputOf(rest)) !== text;
  }

  #variantsOf(chat: Chat): Iterable<Chat> {
    return chatVariants(this.#mentions("[TOOL_CALLS]") ? withShortIds(chat) : chat, {
      tools: this.#mentions("tools"),
      calls: this.#mentions("tool_calls"),
      severalCalls: !this.#mentions("tool_calls[0]"),
    });
  }

  #mentions(text: string): boolean {
    return this.#template?.includes(text) ?? false;
  }

  #inputOf({ messages, tools = [], templateOptions = {}, continuesLast = false }: Chat): TemplateInput {
    const { bosString, eosString } = this.#model.tokens;
    // An answer that has begun without thoughts has none.
    const isThoughtless = continuesLast && messages.at(-1)?.reasoning === undefined;
    const options = isThoughtless ? { enable_thinking: false, ...templateOptions } : templateOptions;
    return {
      ...otherNames(options),
      ...options,
      messages: messages.map((message) => this.#messageOf(message)),
      ...(tools.length > 0 ? { tools: tools.map((tool) => this.#toolOf(tool)) } : {}),
      add_generation_prompt: !continuesLast,
      bos_token: bosString ?? "",
      eos_token: eosString ?? "",
    };
  }

  /** The form that templates expect: that of the OpenAI API, with the arguments of calls as objects. */
  #messageOf({ role, content, reasoning, toolCalls = [], toolCallId, name }: ChatMessage): MessageInput {
    const calls = toolCalls.map((call) => ({
      id: this.#written.harmless(call.id),
      type: "function",
      function: { name: this.#written.harmless(call.name), arguments: this.#harmlessJson(argumentsOf(call)) },
    }));
    const written = { content: this.#written.harmless(content), reasoning: this.#written.harmless(reasoning ?? "") };
    // The template of gpt-oss knows thoughts by this name, and refuses them beside a text before a call.
    const isThinking = reasoning !== undefined && this.#mentions("message.thinking");
    const isOneText = isThinking && calls.length > 0 && this.#mentions("<|channel|>");
    const thinking = isOneText ? [written.reasoning, written.content].filter(Boolean).join("\n\n") : written.reasoning;
    return {
      role,
      content: isOneText ? "" : written.content,
      ...(reasoning === undefined ? {} : { reasoning_content: written.reasoning }),
      ...(isThinking ? { thinking } : {}),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...(toolCallId === undefined ? {} : { tool_call_id: this.#written.harmless(toolCallId) }),
      ...(name === undefined ? {} : { name: this.#written.harmless(name) }),
    };
  }

  #toolOf({ name, description, parameters }: ToolDefinition): Readonly<Record<string, unknown>> {
    const described = { name: this.#written.harmless(name), description: this.#written.harmless(description ?? "") };
    return { type: "function", function: { ...described, parameters: this.#harmlessJson(parameters) } };
  }

  #harmlessJson(value: unknown): unknown {
    if (typeof value === "string") return this.#written.harmless(value);
    if (Array.isArray(value)) return value.map((item) => this.#harmlessJson(item));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.#written.harmless(key), this.#harmlessJson(item)]),
    );
  }
}

/** @throws Error where the template has left the last message out. */
function beforeMark(text: string): string {
  const end = text.lastIndexOf(beginningMark);
  if (end < 0) throw new Error("it leaves the last message out: this model does not support assistant message prefill");
  return text.slice(0, end);
}

/** The header of an answer that the user sees: openai/harmony, docs/format.md. */
function withoutHeader(text: string): string {
  const header = "<|channel|>final<|message|>";
  return text.endsWith(header) ? text.slice(0, -header.length) : text;
}

/** Some templates leave out messages of the system but the first, or the last, without a word. */
function isSaid(text: string, messages: readonly MessageInput[]): boolean {
  return messages.every(({ role, content }) => !/^(system|user)$/.test(role) || text.includes(content.trim()));
}

/** Some clients give back a call without arguments as an empty text. */
function argumentsOf({ arguments: values }: ToolCall): unknown {
  return values.trim() === "" ? {} : (parseJson(values) ?? values);
}

/** What some templates call `enable_thinking`: DeepSeek V3.1 and Granite `thinking`, Seed-OSS a budget in tokens. */
function otherNames({ enable_thinking: isOn }: TemplateOptions): TemplateOptions {
  if (typeof isOn !== "boolean") return {};
  return { thinking: isOn, ...(isOn ? {} : { thinking_budget: 0 }) };
}
