// What one client gets of its request: the events so far, and whoever reads them.
import type { Ending, TokenLogprobs } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import { type Output, OutputAssembler } from "@pomona/shared/core/output/output-assembler";
import type { GenerationEvent, LoggedToken } from "./core/generation-request.ts";
import type { Assembly } from "./core/output-plan.ts";

const waitingEventsMax = 1000;

/** What an answer's tokens become. */
export type AnswerParts = {
  /** Texts that end it. */
  readonly stop: readonly string[];
  readonly assembly: Assembly;
};

type OutputEvent = Extract<GenerationEvent, { kind: "output" }>;

/**
 * Keeps the events of a running request, so that several readers can each take them up from a token index. Bounded by
 * the request's max tokens: 40 bytes a token, whether somebody reads or not.
 */
export class GenerationSession {
  readonly requestId: RequestId;
  readonly #assembler: OutputAssembler;
  readonly #onAbandoned: (signal: AbortSignal) => void;
  /** Of events that are a piece of text and nothing else that piece alone: there is one for each token. */
  readonly #events: (GenerationEvent | string)[] = [];
  /** The index of the last token of each such piece; 0 for the others. */
  readonly #lastIndexes: number[] = [];
  /** Tokens that are not shown yet. */
  #logged: LoggedToken[] = [];
  #lastOutputIndex = -1;
  #waiting: (() => void)[] = [];
  #readers = 0;
  #isEnded = false;

  /** `onAbandoned` is called when the last reader leaves before the ending, with that reader's signal. */
  constructor(requestId: RequestId, answer: AnswerParts, onAbandoned: (signal: AbortSignal) => void) {
    this.requestId = requestId;
    this.#assembler = new OutputAssembler({ stop: answer.stop, ...answer.assembly });
    this.#onAbandoned = onAbandoned;
  }

  get hasReaders(): boolean {
    return this.#readers > 0;
  }

  /** Adds an event that is no part of the answer. */
  add(event: Exclude<GenerationEvent, { kind: "output" | "ending" }>): void {
    // A request may wait for a day, and every two seconds tell it.
    if (event.kind === "waiting" && this.#events.length >= waitingEventsMax) return;
    this.#append(event);
  }

  /** Adds tokens. Returns true when they completed a stop string, or the only call: the answer is over. */
  addTokens(texts: readonly Uint8Array[], logprobs: readonly TokenLogprobs[] | null): boolean {
    // One by one: however they come, also to another coordinator, the same token ends the same event.
    return texts.some((text, index) => {
      const token = logprobs?.[index];
      if (token !== undefined) this.#logged.push({ ...token, text });
      const output = this.#assembler.push([text]);
      this.#appendOutput(output);
      return output.isStopped;
    });
  }

  /** Adds the ending, and before it the text that was held back, unless a stop string cut it off. */
  end(ending: Ending, isStopped: boolean): void {
    if (!isStopped) this.#appendRest(this.#assembler.finish());
    if (ending.endLogprobs !== undefined) this.#appendEnd(ending.endLogprobs);
    this.#isEnded = true;
    this.#append({ kind: "ending", ending: { ...ending, stopString: this.#assembler.stopString } });
  }

  /** The events from a token index on, then those to come, until the ending. Aborting the signal leaves at once. */
  async *read(fromIndex: number, signal: AbortSignal): AsyncGenerator<GenerationEvent, void, void> {
    this.#readers += 1;
    const wake = (): void => this.#wakeAll();
    signal.addEventListener("abort", wake);
    try {
      for (let next = 0; !signal.aborted; next += 1) {
        while (next >= this.#events.length && !signal.aborted) await this.#more();
        const event = this.#at(next);
        if (event === null) return;
        const isSeen = event.kind === "output" ? event.lastIndex < fromIndex : event.kind === "prompt" && fromIndex > 0;
        if (!isSeen) yield event;
        if (event.kind === "ending") return;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#readers -= 1;
      if (this.#readers === 0 && !this.#isEnded) this.#onAbandoned(signal);
    }
  }

  /** Whoever has the piece before it, and comes back for what follows that one's last token, does not have this. */
  #appendRest(rest: Output): void {
    const isSeen = this.#lastOutputIndex === rest.lastIndex;
    this.#appendOutput(isSeen ? { ...rest, lastIndex: rest.lastIndex + 1 } : rest);
  }

  /** The token that ended the answer: it has a probability and no text. */
  #appendEnd(logprobs: TokenLogprobs): void {
    const lastIndex = this.#lastOutputIndex + 1;
    const tokens = [...this.#logged, { ...logprobs, text: new Uint8Array(0) }];
    this.#append({ kind: "output", deltas: [], lastIndex, tokens });
  }

  #appendOutput({ deltas, lastIndex }: Output): void {
    if (deltas.length === 0) {
      // The end of a block of thoughts, say: nobody asked for its log-probabilities.
      if (this.#assembler.isThinking) this.#logged = [];
      return;
    }
    const isShown = deltas.some(({ kind }) => kind === "text");
    const tokens = isShown && this.#logged.length > 0 ? this.#logged : null;
    this.#logged = [];
    this.#lastOutputIndex = lastIndex;
    const event: OutputEvent = { kind: "output", deltas, lastIndex, tokens };
    const text = plainText(event);
    if (text === null) this.#append(event);
    else this.#append(text, lastIndex);
  }

  #append(event: GenerationEvent | string, lastIndex = 0): void {
    this.#events.push(event);
    this.#lastIndexes.push(lastIndex);
    this.#wakeAll();
  }

  #at(index: number): GenerationEvent | null {
    const event = this.#events[index];
    if (typeof event !== "string") return event ?? null;
    const deltas = [{ kind: "text", text: event }] as const;
    return { kind: "output", deltas, lastIndex: this.#lastIndexes[index] ?? 0, tokens: null };
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** null for an output that is more than a piece of text. */
function plainText({ deltas: [delta, ...more], tokens }: OutputEvent): string | null {
  return delta?.kind === "text" && more.length === 0 && tokens === null ? delta.text : null;
}
