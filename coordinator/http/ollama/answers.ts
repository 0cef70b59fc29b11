// Answers of /api/chat and /api/generate.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { ChatMessage } from "@pomona/shared/core/generation";
import { callId } from "../../call-id.ts";
import type { AnswerEnding, LoggedToken } from "../../core/generation-request.ts";
import { loggedDeltas } from "../../core/logged-deltas.ts";
import type {
  AnswerHead,
  AnswerStream,
  ApiAnswer,
  CollectedAnswer,
  CollectedCall,
  Frame,
  OutputEvent,
} from "../answers/api-answer.ts";
import { logprobOf } from "../openai/answer.ts";
import { carryConversation } from "./carried-conversation.ts";
import { errorBody } from "./error-body.ts";
import { nanoseconds } from "./nanoseconds.ts";

type OllamaApi = "chat" | "generate";

export type OllamaAsked = {
  /** The client's name for it. */
  readonly model: string;
  /** What the answer carries on, in `context`; undefined for nothing. */
  readonly conversation: readonly ChatMessage[] | undefined;
};

export function ollamaAnswer(api: OllamaApi, { model, conversation }: OllamaAsked): ApiAnswer {
  const carry: Carry = (text) => {
    const said = { role: "assistant", content: text } as const;
    const context = conversation === undefined ? undefined : carryConversation([...conversation, said]);
    return context === undefined ? {} : { context };
  };
  return {
    framing: "lines",
    whole: (head, [answer]) => (answer === undefined ? {} : whole({ ...head, model }, answer, { api, carry })),
    stream: (head) => new LineStream({ ...head, model }, { api, carry }),
    signOfLife: () => ({ data: { ...partOf({ model, createdAtMs: Date.now() }, { api }), done: false } }),
  };
}

/** What the answer's text is carried on in. */
type Carry = (text: string) => object;

type Writing = { readonly api: OllamaApi; readonly carry: Carry };

/** The answer to whoever asked for the model alone. */
export function emptyAnswer(
  model: string,
  { api, reason }: { readonly api: OllamaApi; readonly reason: string },
): object {
  return { ...partOf({ model, createdAtMs: Date.now() }, { api }), done: true, done_reason: reason };
}

function whole(head: AnswerHead, answer: CollectedAnswer, { api, carry }: Writing): object {
  const { text, reasoning, calls, tokens, ending } = answer;
  return { ...partOf(head, { api, text, reasoning, calls, tokens }), ...carry(text), ...figuresOf(ending) };
}

type Part = {
  readonly api: OllamaApi;
  readonly text?: string;
  readonly reasoning?: string;
  readonly calls?: readonly CollectedCall[];
  /** The number of the first of them; 0 by default. */
  readonly firstCall?: number;
  readonly tokens?: readonly LoggedToken[] | null;
};

function partOf(
  { model, createdAtMs }: Omit<AnswerHead, "requestId">,
  { api, text = "", reasoning = "", calls = [], firstCall = 0, tokens = null }: Part,
): object {
  const head = { model, created_at: new Date(createdAtMs).toISOString() };
  const thinking = reasoning === "" ? {} : { thinking: reasoning };
  const logprobs = tokens === null ? {} : { logprobs: tokens.map(tokenOf) };
  if (api === "generate") return { ...head, response: text, ...thinking, ...logprobs };
  const called = calls.flatMap((call, index) => callOf(call, firstCall + index));
  const tool_calls = called.length === 0 ? {} : { tool_calls: called };
  return { ...head, message: { role: "assistant", content: text, ...thinking, ...tool_calls }, ...logprobs };
}

/** A call whose arguments were cut off is none: `done_reason` says why. */
function callOf({ id, name, arguments: text, isComplete }: CollectedCall, index: number): readonly object[] {
  const input = isComplete ? objectOf(text) : null;
  return input === null ? [] : [{ id, function: { index, name, arguments: input } }];
}

function objectOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function tokenOf(token: LoggedToken): object {
  return { ...logprobOf(token), ...(token.top.length === 0 ? {} : { top_logprobs: token.top.map(logprobOf) }) };
}

/** Spans in nanoseconds. Until it was bound, a request waited for the model or for a slot of it. */
function figuresOf({ reason, usage, timings }: AnswerEnding): object {
  const { queueMs, prefillMs, decodeMs } = timings;
  return {
    done: true,
    done_reason: reason === "length" ? "length" : "stop",
    total_duration: nanoseconds(queueMs + prefillMs + decodeMs),
    load_duration: nanoseconds(queueMs),
    prompt_eval_count: usage.promptTokens,
    prompt_eval_duration: nanoseconds(prefillMs),
    eval_count: usage.generatedTokens,
    eval_duration: nanoseconds(decodeMs),
  };
}

class LineStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #api: OllamaApi;
  readonly #carry: Carry;
  readonly #texts: string[] = [];
  /** Calls go out whole. */
  #call: CollectedCall | null = null;
  #calls = 0;

  constructor(head: AnswerHead, { api, carry }: Writing) {
    this.#head = head;
    this.#api = api;
    this.#carry = carry;
  }

  begin(): readonly Frame[] {
    return [];
  }

  output(_choice: number, event: OutputEvent): readonly Frame[] {
    return loggedDeltas(event).flatMap(({ delta, tokens }) => this.#linesOf(delta, tokens));
  }

  #linesOf(delta: OutputEvent["deltas"][number], tokens: readonly LoggedToken[] | null): readonly Frame[] {
    switch (delta.kind) {
      case "text":
        if (this.#api === "generate") this.#texts.push(delta.text);
        return [this.#line({ text: delta.text, tokens })];
      case "reasoning":
        return [this.#line({ reasoning: delta.text })];
      case "toolCallBegin": {
        const id = callId(this.#head.requestId, delta.index);
        this.#call = { id, name: delta.name, arguments: "", isComplete: false };
        return [];
      }
      case "toolCallArguments":
        if (this.#call !== null) this.#call = { ...this.#call, arguments: this.#call.arguments + delta.text };
        return [];
      case "toolCallEnd":
        return this.#callLine(delta.isComplete);
    }
  }

  #callLine(isComplete: boolean): readonly Frame[] {
    const call = this.#call;
    this.#call = null;
    if (call === null) return [];
    const line = this.#line({ calls: [{ ...call, isComplete }], firstCall: this.#calls });
    this.#calls += 1;
    return isComplete ? [line] : [];
  }

  end(_choice: number, ending: AnswerEnding): readonly Frame[] {
    const carried = this.#carry(this.#texts.join(""));
    return [{ data: { ...partOf(this.#head, { api: this.#api }), ...carried, ...figuresOf(ending) } }];
  }

  finish(): readonly Frame[] {
    return [];
  }

  failed(error: PomonaError): readonly Frame[] {
    return [{ data: errorBody(error) }];
  }

  #line(part: Omit<Part, "api">): Frame {
    return { data: { ...partOf(this.#head, { api: this.#api, ...part }), done: false } };
  }
}
