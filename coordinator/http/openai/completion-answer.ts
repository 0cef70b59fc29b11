// Answers of /v1/completions.
import { isUtf8 } from "node:buffer";
import type { Ending, Usage } from "@pomona/shared/core/generation";
import { shownText } from "@pomona/shared/core/output/output-delta";
import type { LoggedToken } from "../../core/generation-request.ts";
import type {
  AnswerHead,
  AnswerStream,
  ApiAnswer,
  CollectedAnswer,
  Frame,
  OutputEvent,
} from "../answers/api-answer.ts";
import { fingerprint, finishReason, finite, openaiUsage, textOf, usagesOf } from "./answer.ts";
import { errorBody } from "./error-body.ts";
import { obfuscationOf } from "./obfuscation.ts";

export type CompletionOptions = {
  readonly includeUsage: boolean;
  readonly isObfuscated: boolean;
  /** Stands before the answers to each prompt; empty unless the prompt is to be echoed. */
  readonly echoes: readonly string[];
  /** How many answers to each prompt are told: the most likely ones of all. */
  readonly choices: number;
  readonly tellsLogprobs: boolean;
};

export function completionAnswer(options: CompletionOptions): ApiAnswer {
  return {
    framing: "events",
    whole: (head, answers) => whole(head, answers, options),
    stream: (head) => new CompletionStream(head, options),
  };
}

/** OpenAI's schema has no null here: the field is there where there are figures. */
function wrap(head: AnswerHead, choices: readonly object[], usage: object | null): object {
  return {
    id: `cmpl-${head.requestId}`,
    object: "text_completion",
    created: Math.floor(head.createdAtMs / 1000),
    model: head.model,
    system_fingerprint: fingerprint,
    choices,
    ...(usage === null ? {} : { usage }),
  };
}

function whole(head: AnswerHead, answers: readonly CollectedAnswer[], options: CompletionOptions): object {
  const { echoes, tellsLogprobs } = options;
  const tried = answers.length / echoes.length;
  const told = echoes.flatMap((echo, prompt) =>
    mostLikely(answers.slice(prompt * tried, (prompt + 1) * tried), options.choices).map((answer) => ({
      echo,
      answer,
    })),
  );
  const choices = told.map(({ echo, answer: { text, tokens, ending } }, index) => {
    const logprobs = tellsLogprobs && tokens !== null ? completionLogprobs(tokens, new TextOffsets(echo)) : null;
    return { index, text: echo + text, logprobs, finish_reason: finishReason(ending, false) };
  });
  return wrap(head, choices, openaiUsage(usagesOf(answers), echoes.length));
}

/** So many of the answers to one prompt, those whose tokens were the most likely on average. */
function mostLikely(answers: readonly CollectedAnswer[], count: number): readonly CollectedAnswer[] {
  if (answers.length === count) return answers;
  const rated = answers.map((answer) => ({ answer, mean: meanLogprob(answer) }));
  rated.sort((one, other) => other.mean - one.mean);
  return rated.slice(0, count).map(({ answer }) => answer);
}

function meanLogprob({ tokens }: CollectedAnswer): number {
  if (tokens === null || tokens.length === 0) return finite(Number.NEGATIVE_INFINITY);
  return tokens.reduce((sum, { logprob }) => sum + finite(logprob), 0) / tokens.length;
}

/** Where each token begins in a text, in characters; one that goes on with a character begins where that does. */
class TextOffsets {
  readonly #decoder = new TextDecoder();
  #next: number;

  constructor(before: string) {
    this.#next = [...before].length;
  }

  push(token: Uint8Array): number {
    const offset = this.#next;
    this.#next += [...this.#decoder.decode(token, { stream: true })].length;
    return offset;
  }
}

function completionLogprobs(tokens: readonly LoggedToken[], offsets: TextOffsets): object {
  return {
    tokens: tokens.map(({ text }) => nameOf(text)),
    token_logprobs: tokens.map(({ logprob }) => finite(logprob)),
    // The one that was taken is always among them.
    top_logprobs: tokens.map(({ top, ...taken }) =>
      Object.fromEntries([...top, taken].map(({ text, logprob }) => [nameOf(text), finite(logprob)])),
    ),
    text_offset: tokens.map(({ text }) => offsets.push(text)),
  };
}

/** As OpenAI names tokens that are parts of characters, of which a replacement character would make one and the same. */
function nameOf(token: Uint8Array): string {
  if (isUtf8(token)) return textOf(token);
  return `bytes:${[...token].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}

type ChunkParts = { readonly text?: string; readonly logprobs?: object | null; readonly reason?: string | null };

class CompletionStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #options: CompletionOptions;
  readonly #usages: Usage[] = [];
  /** Of each choice. */
  readonly #offsets: TextOffsets[] = [];

  constructor(head: AnswerHead, options: CompletionOptions) {
    this.#head = head;
    this.#options = options;
  }

  begin(choice: number): readonly Frame[] {
    const echo = this.#options.echoes[Math.floor(choice / this.#options.choices)] ?? "";
    this.#offsets[choice] = new TextOffsets(echo);
    return echo === "" ? [] : [this.#chunk(choice, { text: echo })];
  }

  output(choice: number, { deltas, tokens }: OutputEvent): readonly Frame[] {
    const text = shownText(deltas);
    const offsets = this.#offsets[choice];
    const logprobs = tokens === null || offsets === undefined ? null : completionLogprobs(tokens, offsets);
    return text === "" ? [] : [this.#chunk(choice, { text, logprobs })];
  }

  end(choice: number, ending: Ending): readonly Frame[] {
    this.#usages[choice] = ending.usage;
    return [this.#chunk(choice, { reason: finishReason(ending, false) })];
  }

  finish(): readonly Frame[] {
    const { includeUsage, echoes } = this.#options;
    const usage = includeUsage ? [{ data: wrap(this.#head, [], openaiUsage(this.#usages, echoes.length)) }] : [];
    return [...usage, { data: "[DONE]" }];
  }

  failed(error: Parameters<AnswerStream["failed"]>[0]): readonly Frame[] {
    return [{ data: errorBody(error) }];
  }

  #chunk(index: number, { text = "", logprobs = null, reason = null }: ChunkParts): Frame {
    const choices = [{ index, text, logprobs, finish_reason: reason }];
    return { data: { ...wrap(this.#head, choices, null), ...obfuscationOf(choices, this.#options.isObfuscated) } };
  }
}
