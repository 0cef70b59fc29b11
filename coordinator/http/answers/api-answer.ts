// What an API has to say about its answers: how a whole one is written, and how the parts of one on its way. Types, and what
// all of them need.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { RequestId } from "@pomona/shared/core/ids";
import { appendDelta, type OutputDelta, shownText, thoughtText } from "@pomona/shared/core/output/output-delta";
import type { PromptLogprobs } from "@pomona/shared/core/prompt-logprobs";
import { callId } from "../../call-id.ts";
import type { AnswerEnding, GenerationEvent, LoggedToken } from "../../core/generation-request.ts";

/** What every part of one answer has in common. */
export type AnswerHead = {
  /** Of the first choice. */
  readonly requestId: RequestId;
  readonly createdAtMs: number;
  readonly model: string;
};

/** A part of the answer to one choice. */
export type OutputEvent = Extract<GenerationEvent, { kind: "output" }>;

/** Some of the prompt's tokens. */
export type PromptEvent = Extract<GenerationEvent, { kind: "prompt" }>;

/** A place where the answer is made. */
export type BoundEvent = Extract<GenerationEvent, { kind: "bound" }>;

/** Something that is sent as one piece: an event, or a line. */
export type Frame = {
  /** Name of the event, where the API names them. */
  readonly event?: string;
  /** Text is sent as it is, everything else as JSON. */
  readonly data: object | string;
};

/** How an API writes the answer to one request. Choices are counted from 0. */
export type ApiAnswer = {
  /** Server-sent events, or a line of JSON each. */
  readonly framing: "events" | "lines";
  /** A part that says nothing, for an API without comments: so that nobody between here and the client gives up. */
  signOfLife?(): Frame;
  /** The API's own header for the request's id, beside `x-request-id`. */
  readonly idHeader?: string;
  whole(head: AnswerHead, answers: readonly CollectedAnswer[]): object;
  /** The same as JSON in pieces, where it may be so large that it is never to be there at once. */
  pieces?(head: AnswerHead, answers: readonly CollectedAnswer[]): Iterable<string>;
  stream(head: AnswerHead): AnswerStream;
};

/** Makes frames of an answer on its way; the same events make the same frames. */
export type AnswerStream = {
  /** Once for each choice, before anything else of it. */
  begin(choice: number, bound: BoundEvent): readonly Frame[];
  /** Where log-probabilities of the prompt were asked for: all of them, before the first output. */
  prompt?(choice: number, event: PromptEvent): readonly Frame[];
  output(choice: number, event: OutputEvent): readonly Frame[];
  end(choice: number, ending: AnswerEnding): readonly Frame[];
  /** All choices have ended. */
  finish(): readonly Frame[];
  /** In the middle; nothing comes after it. */
  failed(error: PomonaError): readonly Frame[];
};

export type CollectedCall = {
  readonly id: string;
  readonly name: string;
  /** A JSON text as the model wrote it. */
  readonly arguments: string;
  /** False when the answer ended in the middle of it. */
  readonly isComplete: boolean;
};

/** All of an answer. */
export type CollectedAnswer = {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly CollectedCall[];
  /** All of it as it came, neighbours of the same part joined. */
  readonly deltas: readonly OutputDelta[];
  /** Tokens that became thoughts and nothing else. */
  readonly reasoningTokens: number;
  /** Tokens of the text; null where they were not asked for. */
  readonly tokens: readonly LoggedToken[] | null;
  /** The prompt's tokens in order; none where they were not asked for. */
  readonly prompt: readonly PromptLogprobs[];
  readonly ending: AnswerEnding;
};

/** Counts the tokens that became thoughts and nothing else. */
export class ReasoningTokens {
  #lastIndex = -1;
  count = 0;

  add({ deltas, lastIndex }: Pick<OutputEvent, "deltas" | "lastIndex">): void {
    if (deltas.every(({ kind }) => kind === "reasoning")) this.count += lastIndex - this.#lastIndex;
    this.#lastIndex = lastIndex;
  }
}

/** Puts an answer together from its parts. */
export class AnswerCollector {
  readonly #requestId: RequestId;
  readonly #choice: number;
  readonly #tokens: LoggedToken[] = [];
  readonly #prompt: PromptLogprobs[] = [];
  readonly #reasoningTokens = new ReasoningTokens();
  readonly #deltas: OutputDelta[] = [];
  #isLogged = false;

  /** `requestId` is that of the first choice. */
  constructor(requestId: RequestId, choice: number) {
    this.#requestId = requestId;
    this.#choice = choice;
  }

  add(event: OutputEvent): void {
    this.#reasoningTokens.add(event);
    if (event.tokens !== null) this.#isLogged = true;
    this.#tokens.push(...(event.tokens ?? []));
    for (const delta of event.deltas) appendDelta(this.#deltas, delta);
  }

  addPrompt({ logprobs }: PromptEvent): void {
    this.#prompt.push(logprobs);
  }

  finish(ending: AnswerEnding): CollectedAnswer {
    const deltas = this.#deltas;
    return {
      text: shownText(deltas),
      reasoning: thoughtText(deltas),
      calls: callsOf(deltas, (index) => callId(this.#requestId, index, this.#choice)),
      deltas,
      reasoningTokens: this.#reasoningTokens.count,
      tokens: this.#isLogged ? this.#tokens : null,
      prompt: this.#prompt,
      ending,
    };
  }
}

function callsOf(deltas: readonly OutputDelta[], idOf: (index: number) => string): CollectedCall[] {
  const calls: CollectedCall[] = [];
  for (const delta of deltas) {
    if (delta.kind === "text" || delta.kind === "reasoning") continue;
    const { index } = delta;
    const call = calls[index];
    if (delta.kind === "toolCallBegin")
      calls[index] = { id: idOf(index), name: delta.name, arguments: "", isComplete: false };
    else if (call !== undefined && delta.kind === "toolCallArguments")
      calls[index] = { ...call, arguments: call.arguments + delta.text };
    else if (call !== undefined && delta.kind === "toolCallEnd")
      calls[index] = { ...call, isComplete: delta.isComplete };
  }
  return calls;
}
