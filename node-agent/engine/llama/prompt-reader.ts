// Log-probabilities of a prompt's tokens: a few readers look at the logits of one chunk side by side.
import { type PromptLogprobs, type PromptToken, packPrompt } from "@pomona/shared/core/prompt-logprobs";
import { LogprobReader, type LogprobReaderParts } from "./logprob-reader.ts";

/** Each takes a thread: as many as the engine's process has beside its own. */
const readersMax = 4;

/** A token of a prompt, and where in the batch the logits are from which it followed; null for those of the first. */
export type ReadToken = { readonly id: number; readonly logitIndex: number | null };

export class PromptReader {
  readonly #parts: LogprobReaderParts;
  readonly #readers: readonly LogprobReader[];

  constructor(parts: LogprobReaderParts) {
    this.#parts = parts;
    this.#readers = Array.from({ length: readersMax }, () => new LogprobReader(parts));
  }

  /** Before the next batch. @param firstIndex place of the first token in the prompt. */
  async read(firstIndex: number, tokens: readonly ReadToken[], topCount: number): Promise<PromptLogprobs> {
    const read: PromptToken[] = [];
    let next = 0;
    const readOn = async (reader: LogprobReader): Promise<void> => {
      for (let place = next++; place < tokens.length; place = next++) {
        const { id, logitIndex } = tokens[place] ?? { id: 0, logitIndex: null };
        const { vocabulary } = this.#parts;
        // The token that begins a document is none of its text.
        const text = firstIndex + place === 0 ? vocabulary.bytesOf(id) : vocabulary.spellingOf(id);
        const logprobs = logitIndex === null ? null : await reader.read(logitIndex, id, topCount);
        read[place] = { id, text, logprobs };
      }
    };
    await Promise.all(this.#readers.map(readOn));
    return packPrompt(firstIndex, topCount, read);
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }
}
