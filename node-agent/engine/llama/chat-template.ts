// Renders a conversation with the model's own template and makes token ids of it. What people and tools wrote never
// becomes a special token.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Chat, ChatMessage, ToolDefinition } from "@pomona/shared/core/generation";
import { detectAnswerForm } from "@pomona/shared/core/output/answer-form";
import type { LlamaModel } from "node-llama-cpp";
import { isJsonObject, parseJson } from "../../core/json.ts";
import { laterSystemAsUser, laterSystemTexts, withoutSystem } from "../../core/system-messages.ts";
import type { TokenizedPrompt } from "../engine.ts";
import type { Native, NativeRenderer } from "./native.ts";
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

type TemplateInput = Readonly<Record<string, unknown>>;

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
  tokenize(chat: Chat): RenderedChat {
    const text = this.#render(chat);
    const tokenIds = this.#written.tokenize(text);
    return {
      tokenIds,
      sharedTokens: chat.isSystemShared === true ? this.#sharedLength(chat, tokenIds) : 0,
      stop: this.#template === null ? plainStop : [],
      form: detectAnswerForm(this.#template, text),
    };
  }

  /** As far as another conversation with the same system, tools and options begins alike. */
  #sharedLength(chat: Chat, tokenIds: readonly number[]): number {
    const first = chat.messages.findIndex(({ role }) => role !== "system");
    if (first <= 0) return 0;
    const messages = [...chat.messages.slice(0, first), { role: "user", content: otherQuestion } as const];
    const other = this.#tryRender(this.#inputOf({ ...chat, messages }));
    return other === null ? 0 : commonPrefix(tokenIds, this.#written.tokenize(other));
  }

  #render(chat: Chat): string {
    const later = laterSystemAsUser(chat);
    try {
      const text = this.#renderer.render(this.#inputOf(chat));
      if (later === null || this.#showsLater(chat, text)) return text;
      return this.#tryRender(this.#inputOf(later)) ?? text;
    } catch (error) {
      // Some templates let the system speak only at the beginning, some not at all.
      for (const other of [later, withoutSystem(chat)]) {
        const retried = other === null ? null : this.#tryRender(this.#inputOf(other));
        if (retried !== null) return retried;
      }
      const reason = error instanceof Error ? error.message.replace(/^AddonJinjaRenderer: /, "") : String(error);
      const message = `the model's chat template cannot render these messages: ${reason.slice(0, reasonLengthMax)}`;
      throw new PomonaError("invalid_request", message, { field: "messages" });
    }
  }

  /** Some templates pass over what the system says after the conversation has begun. */
  #showsLater(chat: Chat, text: string): boolean {
    return laterSystemTexts(chat).every((content) => text.includes(this.#written.harmless(content).trim()));
  }

  #tryRender(input: TemplateInput): string | null {
    try {
      return this.#renderer.render(input);
    } catch {
      return null;
    }
  }

  #inputOf({ messages, tools = [], templateOptions = {} }: Chat): TemplateInput {
    const { bosString, eosString } = this.#model.tokens;
    const isToolTemplate = this.#template?.includes("tools") ?? false;
    const described = tools.length > 0 && !isToolTemplate ? [toolPrompt(tools), ...messages] : messages;
    return {
      ...templateOptions,
      messages: described.map((message) => this.#messageOf(message)),
      ...(tools.length > 0 && isToolTemplate ? { tools: tools.map((tool) => this.#toolOf(tool)) } : {}),
      add_generation_prompt: true,
      bos_token: bosString ?? "",
      eos_token: eosString ?? "",
    };
  }

  /** The form that templates expect: that of the OpenAI API, with the arguments of calls as objects. */
  #messageOf({ role, content, reasoning, toolCalls = [], toolCallId, name }: ChatMessage): TemplateInput {
    const calls = toolCalls.map((call) => ({
      id: this.#written.harmless(call.id),
      type: "function",
      function: {
        name: this.#written.harmless(call.name),
        arguments: this.#harmlessJson(parseJson(call.arguments) ?? call.arguments),
      },
    }));
    return {
      role,
      content: this.#written.harmless(content),
      ...(reasoning === undefined ? {} : { reasoning_content: this.#written.harmless(reasoning) }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...(toolCallId === undefined ? {} : { tool_call_id: this.#written.harmless(toolCallId) }),
      ...(name === undefined ? {} : { name: this.#written.harmless(name) }),
    };
  }

  #toolOf({ name, description, parameters }: ToolDefinition): TemplateInput {
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

/** For templates that know no tools: asks for a form that the generic parser reads. */
function toolPrompt(tools: readonly ToolDefinition[]): ChatMessage {
  const list = tools.map(({ name, description = "", parameters }) => JSON.stringify({ name, description, parameters }));
  const content = `You may call a tool. To call one, answer with nothing but JSON of this form:
{"name": "<name of the tool>", "arguments": {<its arguments>}}
The tools, with JSON schemas of their arguments:
${list.join("\n")}`;
  return { role: "system", content };
}
