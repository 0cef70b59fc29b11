// Answers of /v1/messages.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { Usage } from "@pomona/shared/core/generation";
import type { AnswerEnding } from "../../core/generation-request.ts";
import {
  type AnswerHead,
  type AnswerStream,
  type ApiAnswer,
  type BoundEvent,
  type CollectedAnswer,
  type CollectedCall,
  type Frame,
  type OutputEvent,
  ReasoningTokens,
} from "../answers/api-answer.ts";
import { outerCallId } from "./call-id.ts";
import { errorBody } from "./error-body.ts";

export type MessagesOptions = {
  /** Those of the request. */
  readonly stop: readonly string[];
  /** With 0 nothing is told but that the prompt has been read. */
  readonly maxTokens: number;
  /** Otherwise a block of thoughts holds its signature alone. */
  readonly isThinkingShown: boolean;
  /** What the API's beta adds; null for a request that is none of it. */
  readonly beta: BetaAnswer | null;
};

export type BetaAnswer = {
  /** Whether edits of the context were asked for. Of those that are taken none ever has anything to do. */
  readonly isContextManaged: boolean;
};

export function messagesAnswer(options: MessagesOptions): ApiAnswer {
  return {
    framing: "events",
    idHeader: "request-id",
    signOfLife: () => frame("ping", {}),
    whole: (head, [answer]) => (answer === undefined ? {} : whole(head, answer, options)),
    stream: (head) => new MessageStream(head, options),
  };
}

type MessageParts = {
  readonly content: readonly object[];
  readonly usage: object;
  readonly stop: StopFields;
  /** What only the message of the beta has. */
  readonly more: object;
};

function messageOf({ requestId, model }: AnswerHead, { content, usage, stop, more }: MessageParts): object {
  return {
    id: `msg_${requestId}`,
    type: "message",
    role: "assistant",
    model,
    content,
    ...stop,
    stop_details: null,
    container: null,
    diagnostics: null,
    ...more,
    usage,
  };
}

function contextOf({ beta }: MessagesOptions): object {
  if (beta === null) return {};
  return { context_management: beta.isContextManaged ? { applied_edits: [] } : null };
}

function whole(head: AnswerHead, answer: CollectedAnswer, options: MessagesOptions): object {
  const { calls, reasoningTokens, ending } = answer;
  const blocks = options.maxTokens === 0 ? [] : blocksOf(head, answer, options);
  const content = blocks.length === 0 && options.maxTokens > 0 ? [textBlock("")] : blocks;
  const usage = { ...startUsage, ...usageOf(ending.usage, reasoningTokens, options) };
  const stop = stopOf(ending, calls.length > 0, options);
  return messageOf(head, { content, usage, stop, more: contextOf(options) });
}

/** In the order in which they came, as in a stream. */
function blocksOf(
  head: AnswerHead,
  { deltas, calls }: CollectedAnswer,
  { isThinkingShown }: MessagesOptions,
): readonly object[] {
  return deltas.flatMap((delta): readonly object[] => {
    if (delta.kind === "text") return [textBlock(delta.text)];
    if (delta.kind === "reasoning") return [thinkingBlock(isThinkingShown ? delta.text : "", signatureOf(head))];
    const call = delta.kind === "toolCallBegin" ? calls[delta.index] : undefined;
    if (call === undefined || delta.kind !== "toolCallBegin") return [];
    return [callBlock({ ...call, id: outerCallId(head.requestId, delta.index) }, inputOf(call))];
  });
}

/** No citations are an empty list: of null, which the schema has as well, Vercel's AI SDK makes an error. */
function textBlock(text: string): object {
  return { type: "text", text, citations: [] };
}

function thinkingBlock(thinking: string, signature: string): object {
  return { type: "thinking", thinking, signature };
}

function callBlock({ id, name }: Pick<CollectedCall, "id" | "name">, input: object): object {
  return { type: "tool_use", id, name, input, caller: { type: "direct" } };
}

/** Arguments that were cut off are none: `stop_reason` says why. */
function inputOf({ arguments: text, isComplete }: CollectedCall): object {
  try {
    const input: unknown = isComplete ? JSON.parse(text) : {};
    return typeof input === "object" && input !== null ? input : {};
  } catch {
    return {};
  }
}

/** It proves nothing: thoughts that come back are taken from anybody. */
function signatureOf({ requestId }: AnswerHead): string {
  return Buffer.from(`pomona:${requestId}`).toString("base64");
}

type StopFields = { readonly stop_reason: string | null; readonly stop_sequence: string | null };

const notStopped: StopFields = { stop_reason: null, stop_sequence: null };

function stopOf(ending: AnswerEnding, hasCalls: boolean, { stop, maxTokens }: MessagesOptions): StopFields {
  const { reason, usage, stopString } = ending;
  if (maxTokens === 0) return { ...notStopped, stop_reason: "max_tokens" };
  if (reason === "length") {
    const isContextFull = usage.generatedTokens < maxTokens;
    return { ...notStopped, stop_reason: isContextFull ? "model_context_window_exceeded" : "max_tokens" };
  }
  // A template's own stop strings are the model's end of a turn.
  if (stopString !== null && stop.includes(stopString))
    return { stop_reason: "stop_sequence", stop_sequence: stopString };
  return { ...notStopped, stop_reason: hasCalls ? "tool_use" : "end_turn" };
}

/** What only whole usages have. */
const startUsage = { cache_creation: null, inference_geo: null, service_tier: "standard", speed: "standard" };

/** Tokens that need not be evaluated are no input here: all three together are the prompt. */
function usageOf(
  { promptTokens, cachedPromptTokens, generatedTokens }: Usage,
  reasoningTokens: number,
  { beta, maxTokens }: MessagesOptions,
) {
  return {
    input_tokens: promptTokens - cachedPromptTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedPromptTokens,
    output_tokens: Math.min(generatedTokens, maxTokens),
    output_tokens_details: { thinking_tokens: Math.min(reasoningTokens, maxTokens) },
    server_tool_use: null,
    ...(beta === null ? {} : { iterations: null, fallback_credit: null }),
  };
}

type BlockKind = "text" | "thinking" | "tool_use";

/** https://docs.anthropic.com/en/docs/build-with-claude/streaming */
class MessageStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #options: MessagesOptions;
  /** Blocks so far; the last one is open while `#open` says so. */
  #blocks = 0;
  #open: BlockKind | null = null;
  #hasCalls = false;
  readonly #reasoningTokens = new ReasoningTokens();

  constructor(head: AnswerHead, options: MessagesOptions) {
    this.#head = head;
    this.#options = options;
  }

  begin(_choice: number, { promptTokens }: BoundEvent): readonly Frame[] {
    // What of the prompt is held already is known in the end only.
    const counted = usageOf({ promptTokens, cachedPromptTokens: 0, generatedTokens: 0 }, 0, this.#options);
    const more = this.#options.beta === null ? {} : { context_management: null };
    const parts = { content: [], usage: { ...startUsage, ...counted }, stop: notStopped, more };
    return [frame("message_start", { message: messageOf(this.#head, parts) }), frame("ping", {})];
  }

  output(_choice: number, event: OutputEvent): readonly Frame[] {
    if (this.#options.maxTokens === 0) return [];
    this.#reasoningTokens.add(event);
    return event.deltas.flatMap((delta) => this.#framesOf(delta));
  }

  #framesOf(delta: OutputEvent["deltas"][number]): readonly Frame[] {
    switch (delta.kind) {
      case "text":
        return [...this.#enter("text"), this.#delta({ type: "text_delta", text: delta.text })];
      case "reasoning": {
        const entered = this.#enter("thinking");
        if (!this.#options.isThinkingShown) return entered;
        const estimate = this.#options.beta === null ? {} : { estimated_tokens: null };
        return [...entered, this.#delta({ type: "thinking_delta", thinking: delta.text, ...estimate })];
      }
      case "toolCallBegin": {
        this.#hasCalls = true;
        const id = outerCallId(this.#head.requestId, delta.index);
        return [...this.#close(), this.#start("tool_use", callBlock({ id, name: delta.name }, {}))];
      }
      case "toolCallArguments":
        return [this.#delta({ type: "input_json_delta", partial_json: delta.text })];
      case "toolCallEnd":
        return this.#close();
    }
  }

  end(_choice: number, ending: AnswerEnding): readonly Frame[] {
    // An answer without anything has one empty text, as the whole one.
    const empty = this.#blocks === 0 && this.#options.maxTokens > 0 ? this.#enter("text") : [];
    const stop = stopOf(ending, this.#hasCalls, this.#options);
    const delta = { ...stop, stop_details: null, container: null };
    return [
      ...empty,
      ...this.#close(),
      frame("message_delta", {
        delta,
        usage: usageOf(ending.usage, this.#reasoningTokens.count, this.#options),
        ...contextOf(this.#options),
      }),
      frame("message_stop", {}),
    ];
  }

  finish(): readonly Frame[] {
    return [];
  }

  failed(error: PomonaError): readonly Frame[] {
    return [{ event: "error", data: errorBody(error, this.#head.requestId) }];
  }

  #enter(kind: "text" | "thinking"): readonly Frame[] {
    if (this.#open === kind) return [];
    const closed = this.#close();
    return [...closed, this.#start(kind, kind === "text" ? textBlock("") : thinkingBlock("", ""))];
  }

  #start(kind: BlockKind, block: object): Frame {
    this.#open = kind;
    this.#blocks += 1;
    return frame("content_block_start", { index: this.#blocks - 1, content_block: block });
  }

  #delta(delta: object): Frame {
    return frame("content_block_delta", { index: this.#blocks - 1, delta });
  }

  #close(): readonly Frame[] {
    const open = this.#open;
    if (open === null) return [];
    this.#open = null;
    const signed =
      open === "thinking" ? [this.#delta({ type: "signature_delta", signature: signatureOf(this.#head) })] : [];
    return [...signed, frame("content_block_stop", { index: this.#blocks - 1 })];
  }
}

function frame(type: string, fields: object): Frame {
  return { event: type, data: { type, ...fields } };
}
