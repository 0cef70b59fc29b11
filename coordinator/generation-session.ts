// What one client gets of its request: the events so far, and whoever reads them.
import type { Ending } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import { type Output, OutputAssembler } from "@pomona/shared/core/output/output-assembler";
import type { GenerationEvent } from "./core/generation-request.ts";

const waitingEventsMax = 1000;

/**
 * Keeps the events of a running request, so that several readers can each take them up from a token index. Bounded by
 * the request's max tokens: an event is a handful of bytes a token.
 */
export class GenerationSession {
  readonly requestId: RequestId;
  readonly #assembler: OutputAssembler;
  readonly #onAbandoned: () => void;
  readonly #events: GenerationEvent[] = [];
  #waiting: (() => void)[] = [];
  #readers = 0;
  #isEnded = false;

  /** `onAbandoned` is called when the last reader leaves before the ending. */
  constructor(requestId: RequestId, stop: readonly string[], onAbandoned: () => void) {
    this.requestId = requestId;
    this.#assembler = new OutputAssembler({ stop });
    this.#onAbandoned = onAbandoned;
  }

  get hasReaders(): boolean {
    return this.#readers > 0;
  }

  /** Adds an event that is no text. */
  add(event: Exclude<GenerationEvent, { kind: "text" | "ending" }>): void {
    // A request may wait for a day, and every two seconds tell it.
    if (event.kind === "waiting" && this.#events.length >= waitingEventsMax) return;
    this.#append(event);
  }

  /** Adds tokens. Returns true when they completed a stop string: the answer is over. */
  addTokens(texts: readonly Uint8Array[]): boolean {
    const output = this.#assembler.push(texts);
    this.#appendText(output);
    return output.isStopped;
  }

  /** Adds the ending, and before it the text that was held back, unless a stop string cut it off. */
  end(ending: Ending, isStopped: boolean): void {
    if (!isStopped) this.#appendText(this.#assembler.finish());
    this.#isEnded = true;
    this.#append({ kind: "ending", ending });
  }

  /** The events from a token index on, then those to come, until the ending. Aborting the signal leaves at once. */
  async *read(fromIndex: number, signal: AbortSignal): AsyncGenerator<GenerationEvent, void, void> {
    this.#readers += 1;
    const wake = (): void => this.#wakeAll();
    signal.addEventListener("abort", wake);
    try {
      for (let next = 0; !signal.aborted; next += 1) {
        while (next >= this.#events.length && !signal.aborted) await this.#more();
        const event = this.#events[next];
        if (event === undefined) return;
        if (event.kind !== "text" || event.lastIndex >= fromIndex) yield event;
        if (event.kind === "ending") return;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#readers -= 1;
      if (this.#readers === 0 && !this.#isEnded) this.#onAbandoned();
    }
  }

  /** No format but plain text is asked for yet. */
  #appendText({ deltas, lastIndex }: Output): void {
    for (const delta of deltas) if (delta.kind === "text") this.#append({ kind: "text", text: delta.text, lastIndex });
  }

  #append(event: GenerationEvent): void {
    this.#events.push(event);
    this.#wakeAll();
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
