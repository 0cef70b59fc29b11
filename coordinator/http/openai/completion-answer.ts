// Answers of /v1/completions.
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

export type CompletionOptions = {
  readonly includeUsage: boolean;
  /** Stands before the answer to each choice; empty unless the prompt is to be echoed. */
  readonly echoes: readonly string[];
  /** How many of the choices are for prompts of their own. */
  readonly prompts: number;
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

function whole(head: AnswerHead, answers: readonly CollectedAnswer[], { echoes, prompts }: CompletionOptions): object {
  const choices = answers.map(({ text, tokens, ending }, index) => {
    const echo = echoes[index] ?? "";
    const logprobs = completionLogprobs(tokens, echo.length).logprobs;
    return { index, text: echo + text, logprobs, finish_reason: finishReason(ending, false) };
  });
  return wrap(head, choices, openaiUsage(usagesOf(answers), prompts));
}

/** `logprobs` of tokens that begin at a place in the text, and where they end. */
function completionLogprobs(
  tokens: readonly LoggedToken[] | null,
  offset: number,
): { readonly logprobs: object | null; readonly end: number } {
  if (tokens === null) return { logprobs: null, end: offset };
  const offsets: number[] = [];
  let end = offset;
  for (const { text } of tokens) {
    offsets.push(end);
    end += textOf(text).length;
  }
  const logprobs = {
    tokens: tokens.map(({ text }) => textOf(text)),
    token_logprobs: tokens.map(({ logprob }) => finite(logprob)),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ text, logprob }) => [textOf(text), finite(logprob)])),
    ),
    text_offset: offsets,
  };
  return { logprobs, end };
}

type ChunkParts = { readonly text?: string; readonly logprobs?: object | null; readonly reason?: string | null };

class CompletionStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #options: CompletionOptions;
  readonly #usages: Usage[] = [];
  /** How long the text of each choice is so far. */
  readonly #lengths: number[] = [];

  constructor(head: AnswerHead, options: CompletionOptions) {
    this.#head = head;
    this.#options = options;
  }

  begin(choice: number): readonly Frame[] {
    const echo = this.#options.echoes[choice] ?? "";
    this.#lengths[choice] = echo.length;
    return echo === "" ? [] : [this.#chunk(choice, { text: echo })];
  }

  output(choice: number, { deltas, tokens }: OutputEvent): readonly Frame[] {
    const text = shownText(deltas);
    const { logprobs, end } = completionLogprobs(tokens, this.#lengths[choice] ?? 0);
    this.#lengths[choice] = end;
    return text === "" ? [] : [this.#chunk(choice, { text, logprobs })];
  }

  end(choice: number, ending: Ending): readonly Frame[] {
    this.#usages[choice] = ending.usage;
    return [this.#chunk(choice, { reason: finishReason(ending, false) })];
  }

  finish(): readonly Frame[] {
    const { includeUsage, prompts } = this.#options;
    const usage = includeUsage ? [{ data: wrap(this.#head, [], openaiUsage(this.#usages, prompts)) }] : [];
    return [...usage, { data: "[DONE]" }];
  }

  failed(error: Parameters<AnswerStream["failed"]>[0]): readonly Frame[] {
    return [{ data: errorBody(error) }];
  }

  #chunk(index: number, { text = "", logprobs = null, reason = null }: ChunkParts): Frame {
    return { data: wrap(this.#head, [{ index, text, logprobs, finish_reason: reason }], null) };
  }
}
