// Answers of /v1/completions.
import type { Ending, Usage } from "@pomona/shared/core/generation";
import { shownText } from "@pomona/shared/core/output/output-delta";
import { type PromptLogprobs, promptBytes, promptRows } from "@pomona/shared/core/prompt-logprobs";
import type { LoggedToken } from "../../core/generation-request.ts";
import type {
  AnswerHead,
  AnswerStream,
  ApiAnswer,
  BoundEvent,
  CollectedAnswer,
  Frame,
  OutputEvent,
  PromptEvent,
} from "../answers/api-answer.ts";
import { fingerprint, finishReason, finite, openaiUsage, usagesOf } from "./answer.ts";
import {
  completionLogprobs,
  completionLogprobsJson,
  PromptOffsets,
  shownPrompt,
  shownToken,
  TextOffsets,
  textOfPrompt,
} from "./completion-logprobs.ts";
import { errorBody } from "./error-body.ts";
import { obfuscationOf } from "./obfuscation.ts";

export type CompletionOptions = {
  readonly includeUsage: boolean;
  readonly isObfuscated: boolean;
  /** Stands before the answers to each prompt: empty unless the prompt is to be echoed; null is the text of its tokens. */
  readonly echoes: readonly (string | null)[];
  /** How many answers to each prompt are told: the most likely ones of all. */
  readonly choices: number;
  readonly tellsLogprobs: boolean;
  /** Whether log-probabilities of the prompt come: all of them are to be told then, or their text alone. */
  readonly logsPrompt: boolean;
  /** With 0 the answer is made and left out. */
  readonly maxTokens: number;
};

export function completionAnswer(options: CompletionOptions): ApiAnswer {
  const isLarge = options.logsPrompt && options.tellsLogprobs;
  return {
    framing: "events",
    whole: (head, answers) => {
      const choices = toldChoices(answers, options).map(({ logged, ...choice }, index) => {
        const logprobs =
          logged === null ? null : completionLogprobs(logged.map(shownToken), new TextOffsets(choice.echo));
        return choiceOf({ index, text: choice.echo + choice.text, logprobs, reason: choice.reason });
      });
      return wrap(head, choices, usageOf(answers, options));
    },
    ...(isLarge ? { pieces: (head, answers) => pieces(head, answers, options) } : {}),
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

type ChoiceParts = {
  readonly index: number;
  readonly text: string;
  readonly logprobs: object | null;
  readonly reason: string | null;
};

function choiceOf({ index, text, logprobs, reason }: ChoiceParts): object {
  return { index, text, logprobs, finish_reason: reason };
}

type ToldChoice = {
  readonly echo: string;
  /** As it was sent; null where it was token ids. */
  readonly sent: string | null;
  readonly text: string;
  readonly reason: string;
  /** null where none are told. */
  readonly logged: readonly LoggedToken[] | null;
  readonly prompt: readonly PromptLogprobs[];
};

function toldChoices(answers: readonly CollectedAnswer[], options: CompletionOptions): readonly ToldChoice[] {
  const { echoes, tellsLogprobs, maxTokens } = options;
  const tried = answers.length / echoes.length;
  return echoes.flatMap((sent, place) =>
    mostLikely(answers.slice(place * tried, (place + 1) * tried), options.choices).map(
      ({ text, tokens, prompt, ending }) => ({
        echo: sent ?? textOfPrompt(prompt),
        sent,
        text: maxTokens === 0 ? "" : text,
        reason: reasonOf(ending, options),
        logged: tellsLogprobs ? loggedOf(tokens, options) : null,
        prompt,
      }),
    ),
  );
}

/** An answer without any token has no list of them, unless that of its prompt stands before it. */
function loggedOf(tokens: readonly LoggedToken[] | null, { maxTokens, logsPrompt }: CompletionOptions) {
  if (maxTokens === 0) return [];
  return logsPrompt ? (tokens ?? []) : tokens;
}

function reasonOf(ending: Ending, { maxTokens }: CompletionOptions): string {
  return maxTokens === 0 ? "length" : finishReason(ending, false);
}

function usageOf(answers: readonly CollectedAnswer[], options: CompletionOptions): object {
  return openaiUsage(
    usagesOf(answers).map((usage) => toldUsage(usage, options)),
    options.echoes.length,
  );
}

function toldUsage(usage: Usage, { maxTokens }: CompletionOptions): Usage {
  return maxTokens === 0 ? { ...usage, generatedTokens: 0 } : usage;
}

/** The whole answer as JSON, with the log-probabilities of prompts in pieces. */
function* pieces(head: AnswerHead, answers: readonly CollectedAnswer[], options: CompletionOptions): Generator<string> {
  const [before = "", after = ""] = JSON.stringify(wrap(head, [], usageOf(answers, options))).split('"choices":[]');
  yield `${before}"choices":[`;
  for (const [index, { echo, sent, text, reason, logged, prompt }] of toldChoices(answers, options).entries()) {
    yield `${index === 0 ? "" : ","}{"index":${index},"text":${JSON.stringify(echo + text)},"logprobs":`;
    yield* completionLogprobsJson({ prompt, tokens: logged ?? [] }, sent);
    yield `,"finish_reason":${JSON.stringify(reason)}}`;
  }
  yield `]${after}`;
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

/** Of one choice on its way. */
type ChoiceState = {
  /** Of an echo that is the text of the prompt's tokens; null for another one. */
  readonly decoder: InstanceType<typeof TextDecoder> | null;
  /** The prompt as it was sent; null where its text is that of the tokens. */
  readonly echo: string | null;
  readonly promptOffsets: PromptOffsets;
  readonly offsets: TextOffsets;
  readonly promptTokens: number;
};

class CompletionStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #options: CompletionOptions;
  readonly #usages: Usage[] = [];
  readonly #states: ChoiceState[] = [];

  constructor(head: AnswerHead, options: CompletionOptions) {
    this.#head = head;
    this.#options = options;
  }

  begin(choice: number, { promptTokens }: BoundEvent): readonly Frame[] {
    const { echoes, choices } = this.#options;
    const echo = echoes[Math.floor(choice / choices)] ?? null;
    const decoder = echo === null ? new TextDecoder("utf-8", { ignoreBOM: true }) : null;
    const offsets = new TextOffsets(echo ?? "");
    this.#states[choice] = { decoder, echo, promptOffsets: new PromptOffsets(echo), offsets, promptTokens };
    return echo === null || echo === "" ? [] : [this.#chunk(choice, { text: echo })];
  }

  prompt(choice: number, { logprobs: packed }: PromptEvent): readonly Frame[] {
    const state = this.#states[choice];
    if (state === undefined) return [];
    const tokens = [...shownPrompt(packed, state.echo)];
    const isWhole = packed.firstIndex + promptRows(packed) >= state.promptTokens;
    // A character that the prompt's last token cuts has its replacement before the answer, which begins with its own.
    const text = state.decoder?.decode(promptBytes([packed]), { stream: !isWhole }) ?? "";
    state.offsets.skip(text);
    const logprobs = this.#options.tellsLogprobs ? completionLogprobs(tokens, state.promptOffsets) : null;
    return text === "" && logprobs === null ? [] : [this.#chunk(choice, { text, logprobs })];
  }

  output(choice: number, { deltas, tokens }: OutputEvent): readonly Frame[] {
    if (this.#options.maxTokens === 0) return [];
    const text = shownText(deltas);
    const offsets = this.#states[choice]?.offsets;
    const shown = this.#options.tellsLogprobs ? (tokens?.map(shownToken) ?? null) : null;
    const logprobs = shown === null || offsets === undefined ? null : completionLogprobs(shown, offsets);
    return text === "" && logprobs === null ? [] : [this.#chunk(choice, { text, logprobs })];
  }

  end(choice: number, ending: Ending): readonly Frame[] {
    this.#usages[choice] = toldUsage(ending.usage, this.#options);
    return [this.#chunk(choice, { reason: reasonOf(ending, this.#options) })];
  }

  finish(): readonly Frame[] {
    const { includeUsage, echoes } = this.#options;
    const usage = includeUsage ? [{ data: wrap(this.#head, [], openaiUsage(this.#usages, echoes.length)) }] : [];
    return [...usage, { data: "[DONE]" }];
  }

  failed(error: Parameters<AnswerStream["failed"]>[0]): readonly Frame[] {
    return [{ data: errorBody(error) }];
  }

  #chunk(index: number, { text = "", logprobs = null, reason = null }: Partial<ChoiceParts>): Frame {
    const choices = [choiceOf({ index, text, logprobs, reason })];
    return { data: { ...wrap(this.#head, choices, null), ...obfuscationOf(choices, this.#options.isObfuscated) } };
  }
}
