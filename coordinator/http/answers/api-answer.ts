// What an API has to say about its answers: how a whole one is written, and how the parts of one on its way. Types, and what
// all of them need.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { RequestId } from "@pomona/shared/core/ids";
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
  /** The API's own header for the request's id, beside `x-request-id`. */
  readonly idHeader?: string;
  whole(head: AnswerHead, answers: readonly CollectedAnswer[]): object;
  stream(head: AnswerHead): AnswerStream;
};

/** Makes frames of an answer on its way; the same events make the same frames. */
export type AnswerStream = {
  /** Once for each choice, before anything else of it. */
  begin(choice: number, bound: BoundEvent): readonly Frame[];
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
  /** Tokens of the text; null where they were not asked for. */
  readonly tokens: readonly LoggedToken[] | null;
  readonly ending: AnswerEnding;
};

/** Puts an answer together from its parts. */
export class AnswerCollector {
  readonly #requestId: RequestId;
  readonly #calls: CollectedCall[] = [];
  readonly #tokens: LoggedToken[] = [];
  #text = "";
  #reasoning = "";
  #isLogged = false;

  constructor(requestId: RequestId) {
    this.#requestId = requestId;
  }

  add({ deltas, tokens }: OutputEvent): void {
    if (tokens !== null) this.#isLogged = true;
    this.#tokens.push(...(tokens ?? []));
    for (const delta of deltas) {
      if (delta.kind === "text") this.#text += delta.text;
      else if (delta.kind === "reasoning") this.#reasoning += delta.text;
      else if (delta.kind === "toolCallBegin") {
        const id = callId(this.#requestId, delta.index);
        this.#calls[delta.index] = { id, name: delta.name, arguments: "", isComplete: false };
      } else this.#continueCall(delta);
    }
  }

  #continueCall(delta: Extract<OutputEvent["deltas"][number], { kind: "toolCallArguments" | "toolCallEnd" }>): void {
    const call = this.#calls[delta.index];
    if (call === undefined) return;
    this.#calls[delta.index] =
      delta.kind === "toolCallEnd"
        ? { ...call, isComplete: delta.isComplete }
        : { ...call, arguments: call.arguments + delta.text };
  }

  finish(ending: AnswerEnding): CollectedAnswer {
    const tokens = this.#isLogged ? this.#tokens : null;
    return { text: this.#text, reasoning: this.#reasoning, calls: this.#calls, tokens, ending };
  }
}
