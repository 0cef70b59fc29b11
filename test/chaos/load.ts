// Many streams at once, and what became of them.
import { waitFor } from "../support/wait-for.ts";
import type { ChaosPool } from "./pool.ts";
import { expectedText, promptOf } from "./prompts.ts";
import { CompletionStream } from "./stream.ts";

export type LoadSize = { readonly streams: number; readonly tokens: number };

export type LoadSummary = {
  readonly streams: number;
  readonly failed: number;
  readonly wrong: number;
  readonly longestGapMs: number;
  readonly p99GapMs: number;
  /** From the first start to the last end. */
  readonly durationMs: number;
  /** How often each error came. */
  readonly errors: Readonly<Record<string, number>>;
};

/** Streams that were started together or one after another. */
export class Load {
  readonly streams: CompletionStream[] = [];
  readonly #pool: ChaosPool;
  readonly #run: string;

  /** The name of a run is part of its prompts: one name a pool. */
  constructor(pool: ChaosPool, run: string) {
    this.#pool = pool;
    this.#run = run;
  }

  static start(pool: ChaosPool, run: string, { streams, tokens }: LoadSize): Load {
    const load = new Load(pool, run);
    for (let index = 0; index < streams; index += 1) load.add(tokens);
    return load;
  }

  /** One stream more. */
  add(tokens: number, headers: Readonly<Record<string, string>> = {}): CompletionStream {
    return this.ask(promptOf(this.#run, this.streams.length), tokens, headers);
  }

  ask(prompt: string, tokens: number, headers: Readonly<Record<string, string>> = {}): CompletionStream {
    const { http, model, engine } = this.#pool;
    const expected = expectedText(engine, prompt, tokens);
    const stream = new CompletionStream({ http, model, prompt, maxTokens: tokens, expected, headers });
    this.streams.push(stream);
    return stream;
  }

  /** Waits until every stream has got so many letters. @throws Error when one has ended before. */
  async allPast(letters: number): Promise<void> {
    const isPast = (stream: CompletionStream): boolean => {
      if (stream.isEnded && stream.text.length < letters)
        throw new Error(`a stream ended after ${stream.text.length} letters: ${stream.errors.join()}`);
      return stream.text.length >= letters;
    };
    await waitFor(() => this.streams.every(isPast), 60_000, `${letters} letters of every stream`);
  }

  /** Waits until all have ended; the ones that last longer than the deadline are given up, and count as failed. */
  async finish(deadlineMs: number): Promise<LoadSummary> {
    const late = setTimeout(() => {
      for (const stream of this.streams) stream.giveUp();
    }, deadlineMs);
    await Promise.all(this.streams.map(({ done }) => done));
    clearTimeout(late);
    return summaryOf(this.streams);
  }

  /** Streams whose last node is this one and that have not ended. */
  runningOn(nodeId: string): CompletionStream[] {
    return this.streams.filter((stream) => !stream.isEnded && stream.nodes.at(-1) === nodeId);
  }
}

export function summaryOf(streams: readonly CompletionStream[]): LoadSummary {
  const gaps = streams.flatMap((stream) => stream.gaps()).sort((a, b) => a - b);
  const errors: Record<string, number> = {};
  for (const error of streams.flatMap((stream) => stream.errors)) errors[error] = (errors[error] ?? 0) + 1;
  const verdicts = streams.map((stream) => stream.verdict());
  return {
    streams: streams.length,
    failed: verdicts.filter((verdict) => verdict === "failed").length,
    wrong: verdicts.filter((verdict) => verdict === "wrong").length,
    longestGapMs: gaps.at(-1) ?? 0,
    p99GapMs: gaps[Math.floor(gaps.length * 0.99)] ?? 0,
    durationMs:
      Math.max(0, ...streams.map(({ endedAtMs }) => endedAtMs ?? performance.now())) -
      Math.min(...streams.map(({ startedAtMs }) => startedAtMs)),
    errors,
  };
}
