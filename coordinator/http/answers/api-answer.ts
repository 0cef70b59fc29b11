// What an API has to say about its answers: how a whole one is written, and how the parts of one on its way. Types, and what
// all of them need.
import type { PomonaError } from "@pomona/shared/core/errors";
import type { RequestId } from "@pomona/shared/core/ids";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
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
  /** All of it as it came, neighbours of the same part joined. */
  readonly deltas: readonly OutputDelta[];
  /** Tokens that became thoughts and nothing else. */
  readonly reasoningTokens: number;
  /** Tokens of the text; null where they were not asked for. */
  readonly tokens: readonly LoggedToken[] | null;
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
  readonly #calls: CollectedCall[] = [];
  readonly #tokens: LoggedToken[] = [];
  readonly #reasoningTokens = new ReasoningTokens();
  readonly #deltas: OutputDelta[] = [];
  #text = "";
  #reasoning = "";
  #isLogged = false;

  constructor(requestId: RequestId) {
    this.#requestId = requestId;
  }

  add({ deltas, tokens, lastIndex }: OutputEvent): void {
    this.#reasoningTokens.add({ deltas, lastIndex });
    if (tokens !== null) this.#isLogged = true;
    this.#tokens.push(...(tokens ?? []));
    for (const delta of deltas) {
      this.#keep(delta);
      if (delta.kind === "text") this.#text += delta.text;
      else if (delta.kind === "reasoning") this.#reasoning += delta.text;
      else if (delta.kind === "toolCallBegin") {
        const id = callId(this.#requestId, delta.index);
        this.#calls[delta.index] = { id, name: delta.name, arguments: "", isComplete: false };
      } else this.#continueCall(delta);
    }
  }

  #keep(delta: OutputDelta): void {
    const last = this.#deltas.at(-1);
    if (last !== undefined && "text" in last && "text" in delta && last.kind === delta.kind)
      this.#deltas[this.#deltas.length - 1] = { ...last, text: last.text + delta.text };
    else this.#deltas.push(delta);
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
    const { count: reasoningTokens } = this.#reasoningTokens;
    const parts = { text: this.#text, reasoning: this.#reasoning, calls: this.#calls, deltas: this.#deltas };
    return { ...parts, reasoningTokens, tokens, ending };
  }
}
