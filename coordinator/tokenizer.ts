// Prompts become token ids before they are queued, on any node that has the model; equal prompts are asked once.
import { createHash } from "node:crypto";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import type { TokenizedPrompt } from "./grpc/node-links.ts";

/** About 8 MB of token ids. */
const cachedTokensMax = 1_000_000;

type Ask = () => Promise<TokenizedPrompt>;

/** Keeps answers by content, the least recently used leave first. Only hashes of prompts are kept as keys. */
export class TokenizerCache {
  readonly #answers = new Map<string, TokenizedPrompt>();
  #tokens = 0;

  /** The kept answer, or a fresh one. */
  async get(model: ModelName, input: PromptInput, ask: Ask): Promise<TokenizedPrompt> {
    const key = createHash("sha256")
      .update(JSON.stringify([model, input]))
      .digest("base64");
    const kept = this.#answers.get(key);
    if (kept !== undefined) {
      this.#answers.delete(key);
      this.#answers.set(key, kept);
      return kept;
    }
    const answer = await ask();
    this.#keep(key, answer);
    return answer;
  }

  #keep(key: string, answer: TokenizedPrompt): void {
    if (this.#answers.has(key)) return;
    this.#answers.set(key, answer);
    this.#tokens += answer.tokenIds.length;
    for (const [oldest, { tokenIds }] of this.#answers) {
      if (this.#tokens <= cachedTokensMax) return;
      this.#answers.delete(oldest);
      this.#tokens -= tokenIds.length;
    }
  }
}
