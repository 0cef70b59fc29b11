import { appendDelta, type OutputDelta } from "./output-delta.ts";
import { type OutputFormat, OutputParser, plainFormat } from "./output-parser.ts";
import { StopStrings } from "./stop-strings.ts";
import { Utf8Decoder } from "./utf8-decoder.ts";

/** Parts that became safe to show. `lastIndex` is the index of the last token they are made of. */
export type Output = {
  readonly deltas: readonly OutputDelta[];
  readonly lastIndex: number;
  readonly isStopped: boolean;
};

export type OutputAssemblerOptions = {
  /** The visible text ends before the first of these; thoughts and calls are not searched. */
  readonly stop: readonly string[];
  /** Plain by default. */
  readonly format?: OutputFormat;
  readonly startsInReasoning?: boolean;
  readonly startsInText?: boolean;
  readonly toolNames?: readonly string[];
  readonly textParameters?: Readonly<Record<string, readonly string[]>>;
  /** The answer is complete after its first call; false by default. */
  readonly isOneCall?: boolean;
  /** The answer has to be calls, so that one which was only begun when it ended is no text; false by default. */
  readonly isCallForced?: boolean;
};

/**
 * Makes a request's answer from its tokens: UTF-8 over token borders, thoughts and calls told from text, stop strings
 * removed. The same tokens give the same parts, however they are cut into chunks and however often the request moved
 * between them.
 */
export class OutputAssembler {
  readonly #decoder = new Utf8Decoder();
  readonly #parser: OutputParser;
  readonly #stop: StopStrings;
  readonly #isOneCall: boolean;
  readonly #isCallForced: boolean;
  #nextIndex = 0;

  constructor(options: OutputAssemblerOptions) {
    const { stop, format = plainFormat, startsInReasoning = false, toolNames = [] } = options;
    const { startsInText = false, textParameters = {}, isOneCall = false, isCallForced = false } = options;
    this.#isOneCall = isOneCall;
    this.#isCallForced = isCallForced;
    this.#parser = new OutputParser({ format, startsInReasoning, startsInText, toolNames, textParameters });
    this.#stop = new StopStrings(stop);
  }

  /** The stop string that ended the answer; null for none. */
  get stopString(): string | null {
    return this.#stop.found;
  }

  /** Whether the last token is of a thought, or stands around one: none of the text. */
  get isThinking(): boolean {
    return this.#parser.isThinking;
  }

  /** Takes the next tokens in. After `isStopped` the answer is complete, and what else was in the chunk is left out. */
  push(texts: readonly Uint8Array[]): Output {
    const deltas: OutputDelta[] = [];
    for (const bytes of texts) {
      const isStopped = this.#search(this.#parser.push(this.#decoder.push(bytes)), deltas);
      this.#nextIndex += 1;
      if (isStopped) return { deltas, lastIndex: this.#nextIndex - 1, isStopped };
    }
    return { deltas, lastIndex: this.#nextIndex - 1, isStopped: false };
  }

  /** The rest, when the model ended its answer by itself. */
  finish(): Output {
    const deltas: OutputDelta[] = [];
    const last = this.#parser.push(this.#decoder.finish());
    const held = this.#parser.finish().filter(({ kind }) => kind !== "text" || !this.#isCallForced);
    const rest = [...last, ...held];
    const isStopped = this.#search(rest, deltas);
    if (!isStopped) appendText(deltas, this.#stop.finish());
    return { deltas, lastIndex: this.#nextIndex - 1, isStopped };
  }

  /** Adds the parts up to the first stop string, or the end of the only call; returns whether that is all. */
  #search(parts: readonly OutputDelta[], found: OutputDelta[]): boolean {
    for (const part of parts) {
      if (part.kind !== "text") {
        // A part of another kind ends the text: what was held back of it is whole.
        appendText(found, this.#stop.finish());
        appendDelta(found, part);
        if (part.kind === "toolCallEnd" && this.#isOneCall) return true;
        continue;
      }
      const { text, isStopped } = this.#stop.push(part.text);
      appendText(found, text);
      if (isStopped) return true;
    }
    return false;
  }
}

function appendText(deltas: OutputDelta[], text: string): void {
  if (text !== "") appendDelta(deltas, { kind: "text", text });
}
