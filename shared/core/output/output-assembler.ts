import { StopStrings } from "./stop-strings.ts";
import { Utf8Decoder } from "./utf8-decoder.ts";

/** Text that became safe to show. `lastIndex` is the index of the last token it is made of. */
export type OutputPart = { readonly text: string; readonly lastIndex: number; readonly isStopped: boolean };

/**
 * Makes a request's text from its tokens: UTF-8 over token borders, stop strings removed. The same tokens give the same
 * text, however they are cut into chunks and however often the request moved between them.
 */
export class OutputAssembler {
  readonly #decoder = new Utf8Decoder();
  readonly #stop: StopStrings;
  #nextIndex = 0;

  constructor(stop: readonly string[]) {
    this.#stop = new StopStrings(stop);
  }

  /** Takes the next tokens in. After `isStopped` the answer is complete, and what else was in the chunk is left out. */
  push(texts: readonly Uint8Array[]): OutputPart {
    let text = "";
    for (const bytes of texts) {
      const part = this.#stop.push(this.#decoder.push(bytes));
      this.#nextIndex += 1;
      text += part.text;
      if (part.isStopped) return { text, lastIndex: this.#nextIndex - 1, isStopped: true };
    }
    return { text, lastIndex: this.#nextIndex - 1, isStopped: false };
  }

  /** The rest of the text, when the model ended its answer by itself. */
  finish(): OutputPart {
    const last = this.#stop.push(this.#decoder.finish());
    const text = last.isStopped ? last.text : last.text + this.#stop.finish();
    return { text, lastIndex: this.#nextIndex - 1, isStopped: last.isStopped };
  }
}
