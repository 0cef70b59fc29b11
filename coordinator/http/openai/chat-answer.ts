// Answers of /v1/chat/completions.
import type { Ending, Usage } from "@pomona/shared/core/generation";
import { callId } from "../../call-id.ts";
import type { LoggedToken } from "../../core/generation-request.ts";
import { loggedDeltas } from "../../core/logged-deltas.ts";
import type {
  AnswerHead,
  AnswerStream,
  ApiAnswer,
  CollectedAnswer,
  Frame,
  OutputEvent,
} from "../answers/api-answer.ts";
import { chatLogprobs, fingerprint, finishReason, openaiUsage, usagesOf } from "./answer.ts";
import { errorBody } from "./error-body.ts";

export function chatAnswer(options: { readonly includeUsage: boolean }): ApiAnswer {
  return {
    framing: "events",
    whole,
    stream: (head) => new ChatStream(head, options.includeUsage),
  };
}

function whole(head: AnswerHead, answers: readonly CollectedAnswer[]): object {
  return {
    id: `chatcmpl-${head.requestId}`,
    object: "chat.completion",
    created: Math.floor(head.createdAtMs / 1000),
    model: head.model,
    system_fingerprint: fingerprint,
    choices: answers.map((answer, index) => ({
      index,
      message: messageOf(answer),
      logprobs: chatLogprobs(answer.tokens),
      finish_reason: finishReason(answer.ending, answer.calls.length > 0),
    })),
    usage: openaiUsage(usagesOf(answers)),
  };
}

function messageOf({ text, reasoning, calls }: CollectedAnswer): object {
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map(({ id, name, arguments: text }) => ({
            id,
            type: "function",
            function: { name, arguments: text },
          })),
        }),
  };
}

type ChunkParts = {
  readonly delta?: object;
  readonly tokens?: readonly LoggedToken[] | null;
  readonly reason?: string | null;
};

class ChatStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #includeUsage: boolean;
  readonly #withCalls = new Set<number>();
  readonly #usages: Usage[] = [];

  constructor(head: AnswerHead, includeUsage: boolean) {
    this.#head = head;
    this.#includeUsage = includeUsage;
  }

  begin(choice: number): readonly Frame[] {
    return [this.#chunk(choice, { delta: { role: "assistant", content: "", refusal: null } })];
  }

  output(choice: number, event: OutputEvent): readonly Frame[] {
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
        const id = callId(this.#head.requestId, index, choice);
        return { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] };
      }
      case "toolCallArguments":
        return { tool_calls: [{ index: delta.index, function: { arguments: delta.text } }] };
      case "toolCallEnd":
        return null;
    }
  }

  end(choice: number, ending: Ending): readonly Frame[] {
    this.#usages[choice] = ending.usage;
    return [this.#chunk(choice, { reason: finishReason(ending, this.#withCalls.has(choice)) })];
  }

  finish(): readonly Frame[] {
    const usage = this.#includeUsage ? [{ data: this.#wrap([], openaiUsage(this.#usages)) }] : [];
    return [...usage, { data: "[DONE]" }];
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
      ...(this.#includeUsage ? { usage } : {}),
    };
  }
}
