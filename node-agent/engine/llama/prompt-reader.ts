// Log-probabilities of a prompt's tokens: a few readers look at the logits of one chunk side by side.
import type { TokenLogprobs } from "@pomona/shared/core/generation";
import { type PromptLogprobs, type PromptToken, packPrompt } from "@pomona/shared/core/prompt-logprobs";
import { LogprobReader, type LogprobReaderParts } from "./logprob-reader.ts";

/** Each takes a thread: as many as the engine's process has beside its own. */
const readersMax = 4;

/** A token of a prompt, and where in the batch the logits are from which it followed; null for those of the first. */
export type ReadToken = { readonly id: number; readonly logitIndex: number | null };

type LoggedToken = ReadToken & { readonly logitIndex: number };

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
        const logprobs = logitIndex === null ? null : await this.#look(reader, { id, logitIndex }, topCount);
        read[place] = { id, text: this.#parts.vocabulary.spellingOf(id), logprobs };
      }
    };
    await Promise.all(this.#readers.map(readOn));
    return packPrompt(firstIndex, topCount, read);
  }

  /** Alternatives are spelt as the prompt's own tokens are: the same one has one name. */
  async #look(reader: LogprobReader, { id, logitIndex }: LoggedToken, topCount: number): Promise<TokenLogprobs> {
    const { logprob, top } = await reader.read(logitIndex, id, topCount);
    return { logprob, top: top.map((each) => ({ ...each, text: this.#parts.vocabulary.spellingOf(each.id) })) };
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }
}
