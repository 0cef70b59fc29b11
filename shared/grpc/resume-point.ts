// How far an answer has come, so that it goes on after a lost connection with neither a gap nor a repetition.
import type { InferenceGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import { PromptReached } from "./wire-prompt-logprobs.ts";

/** What is to be asked for next: everything by the key, or the rest of a request from a token index. */
export type Resume = { readonly requestId: string | null; readonly fromIndex: number; readonly key: string };

export class ResumePoint {
  readonly key: string;
  #requestId: string | null = null;
  #lastIndex = 0;
  /** Frames that came with the last index: a token may make several, and only all of them are sent again. */
  #framesOfLast = 0;
  #toSkip = 0;
  readonly #prompt = new PromptReached();

  constructor(key: string) {
    this.key = key;
  }

  /** null before the request was bound. */
  get requestId(): string | null {
    return this.#requestId;
  }

  /** A connection begins: it sends again what belongs to the last token. */
  begin(): Resume {
    this.#toSkip = this.#framesOfLast;
    return { requestId: this.#requestId, fromIndex: this.#lastIndex, key: this.key };
  }

  /** Whether a frame has not come before. */
  isNew(wire: InferenceGenerateResponse__Output): boolean {
    this.#requestId = wire.bound?.requestId ?? this.#requestId;
    if (wire.promptLogprobs != null) return this.#prompt.isNew(wire.promptLogprobs);
    const lastIndex = (wire.text ?? wire.reasoning ?? wire.toolCall)?.lastIndex;
    if (lastIndex === undefined) return true;
    if (lastIndex < this.#lastIndex) return false;
    if (lastIndex > this.#lastIndex) {
      this.#lastIndex = lastIndex;
      this.#framesOfLast = 1;
      this.#toSkip = 0;
      return true;
    }
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return false;
    }
    this.#framesOfLast += 1;
    return true;
  }
}
