// Answers of /v1/chat/completions.
import type { Ending, Usage } from "@pomona/shared/core/generation";
import { callId } from "../../call-id.ts";
import type { LoggedToken } from "../../core/generation-request.ts";
import { loggedDeltas } from "../../core/logged-deltas.ts";
import {
  type AnswerHead,
  type AnswerStream,
  type ApiAnswer,
  type CollectedAnswer,
  type Frame,
  type OutputEvent,
  ReasoningTokens,
} from "../answers/api-answer.ts";
import { chatLogprobs, fingerprint, finishReason, openaiUsage, usagesOf } from "./answer.ts";
import { errorBody } from "./error-body.ts";
import { obfuscationOf } from "./obfuscation.ts";

export type ChatOptions = {
  readonly includeUsage: boolean;
  readonly isObfuscated: boolean;
  /** Whether the answer says by which tier it was served: there is one. */
  readonly namesTier: boolean;
  /** Whether a call is told as `function_call`, as whoever sent `functions` reads it. */
  readonly callsAreFunctions: boolean;
};

export function chatAnswer(options: ChatOptions): ApiAnswer {
  return {
    framing: "events",
    whole: (head, answers) => whole(head, answers, options),
    stream: (head) => new ChatStream(head, options),
  };
}

function tierOf({ namesTier }: ChatOptions): object {
  return namesTier ? { service_tier: "default" } : {};
}

function usageOf(usages: readonly Usage[], reasoningTokens: readonly number[]): object {
  const total = reasoningTokens.reduce((sum, count) => sum + count, 0);
  return { ...openaiUsage(usages), completion_tokens_details: { reasoning_tokens: total } };
}

/** With the word of the older API where calls are told as it has them. */
function endOf(ending: Ending, hasCalls: boolean, { callsAreFunctions }: ChatOptions): string {
  const reason = finishReason(ending, hasCalls);
  return reason === "tool_calls" && callsAreFunctions ? "function_call" : reason;
}

function whole(head: AnswerHead, answers: readonly CollectedAnswer[], options: ChatOptions): object {
  return {
    id: `chatcmpl-${head.requestId}`,
    object: "chat.completion",
    created: Math.floor(head.createdAtMs / 1000),
    model: head.model,
    system_fingerprint: fingerprint,
    choices: answers.map((answer, index) => ({
      index,
      message: messageOf(answer, options),
      logprobs: chatLogprobs(answer.tokens),
      finish_reason: endOf(answer.ending, answer.calls.length > 0, options),
    })),
    ...tierOf(options),
    usage: usageOf(
      usagesOf(answers),
      answers.map(({ reasoningTokens }) => reasoningTokens),
    ),
  };
}

function messageOf({ text, reasoning, calls }: CollectedAnswer, options: ChatOptions): object {
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...callsOf(calls, options),
  };
}

function callsOf(calls: CollectedAnswer["calls"], { callsAreFunctions }: ChatOptions): object {
  const [first] = calls;
  if (first === undefined) return {};
  if (callsAreFunctions) return { function_call: { name: first.name, arguments: first.arguments } };
  const shown = calls.map(({ id, name, arguments: text }) => ({
    id,
    type: "function",
    function: { name, arguments: text },
  }));
  return { tool_calls: shown };
}

type ChunkParts = {
  readonly delta?: object;
  readonly tokens?: readonly LoggedToken[] | null;
  readonly reason?: string | null;
};

class ChatStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #options: ChatOptions;
  readonly #withCalls = new Set<number>();
  readonly #usages: Usage[] = [];
  /** Of each choice. */
  readonly #reasoningTokens: ReasoningTokens[] = [];

  constructor(head: AnswerHead, options: ChatOptions) {
    this.#head = head;
    this.#options = options;
  }

  begin(choice: number): readonly Frame[] {
    this.#reasoningTokens[choice] = new ReasoningTokens();
    return [this.#chunk(choice, { delta: { role: "assistant", content: "", refusal: null } })];
  }

  output(choice: number, event: OutputEvent): readonly Frame[] {
    this.#reasoningTokens[choice]?.add(event);
    return loggedDeltas(event).flatMap(({ delta, tokens }) => {
      const shown = this.#deltaOf(choice, delta);
      return shown === null ? [] : [this.#chunk(choice, { delta: shown, tokens })];
    });
  }

  #deltaOf(choice: number, delta: OutputEvent["deltas"][number]): object | null {
    switch (delta.kind) {
      case "text":
        return { content: delta.text };
      case "reasoning":
        return { reasoning_content: delta.text };
      case "toolCallBegin": {
        this.#withCalls.add(choice);
        const { index, name } = delta;
        if (this.#options.callsAreFunctions) return { function_call: { name, arguments: "" } };
        const id = callId(this.#head.requestId, index, choice);
        return { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] };
      }
      case "toolCallArguments":
        if (this.#options.callsAreFunctions) return { function_call: { arguments: delta.text } };
        return { tool_calls: [{ index: delta.index, function: { arguments: delta.text } }] };
      case "toolCallEnd":
        return null;
    }
  }

  end(choice: number, ending: Ending): readonly Frame[] {
    this.#usages[choice] = ending.usage;
    return [this.#chunk(choice, { reason: endOf(ending, this.#withCalls.has(choice), this.#options) })];
  }

  finish(): readonly Frame[] {
    if (!this.#options.includeUsage) return [{ data: "[DONE]" }];
    const reasoning = this.#reasoningTokens.map(({ count }) => count);
    return [{ data: this.#wrap([], usageOf(this.#usages, reasoning)) }, { data: "[DONE]" }];
  }

  failed(error: Parameters<AnswerStream["failed"]>[0]): readonly Frame[] {
    return [{ data: errorBody(error) }];
  }

  #chunk(choice: number, { delta = {}, tokens = null, reason = null }: ChunkParts): Frame {
    const logprobs = chatLogprobs(tokens);
    return { data: this.#wrap([{ index: choice, delta, logprobs, finish_reason: reason }], null) };
  }

  /** With `include_usage` every chunk has the field, null in all but the last; without it none has. */
  #wrap(choices: readonly object[], usage: object | null): object {
    return {
      id: `chatcmpl-${this.#head.requestId}`,
      object: "chat.completion.chunk",
      created: Math.floor(this.#head.createdAtMs / 1000),
      model: this.#head.model,
      system_fingerprint: fingerprint,
      choices,
      ...tierOf(this.#options),
      ...obfuscationOf(choices, this.#options.isObfuscated),
      ...(this.#options.includeUsage ? { usage } : {}),
    };
  }
}
