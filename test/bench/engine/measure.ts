// What is measured of one side in one round.
import { setTimeout as delay } from "node:timers/promises";
import { type Contender, nextPrompt, type PromptTokens } from "./contender.ts";
import { cpuSecondsOf, ownCpuSeconds } from "./cpu-time.ts";

/** What went by while tokens were evaluated; figures of several samples add up. */
export type Work = {
  readonly tokens: number;
  /** Of the process that does the work. */
  readonly cpuSeconds: number;
  /** Of this process, which reads the streams. */
  readonly ownCpuSeconds: number;
  readonly wallMs: number;
};

export type Prompt = { readonly promptLength: number; readonly tokens: PromptTokens };
export type DecodeShape = Prompt & { readonly streams: number; readonly maxTokens: number };

export function sumOf(works: readonly Work[]): Work {
  return works.reduce((sum, work) => ({
    tokens: sum.tokens + work.tokens,
    cpuSeconds: sum.cpuSeconds + work.cpuSeconds,
    ownCpuSeconds: sum.ownCpuSeconds + work.ownCpuSeconds,
    wallMs: sum.wallMs + work.wallMs,
  }));
}

function workBetween(start: Work, end: Work): Work {
  return {
    tokens: end.tokens - start.tokens,
    cpuSeconds: end.cpuSeconds - start.cpuSeconds,
    ownCpuSeconds: end.ownCpuSeconds - start.ownCpuSeconds,
    wallMs: end.wallMs - start.wallMs,
  };
}

/** All counters as they stand. */
function workUntilNow({ pid }: Contender, tokens: number): Work {
  return { tokens, cpuSeconds: cpuSecondsOf(pid), ownCpuSeconds: ownCpuSeconds(), wallMs: performance.now() };
}

/** So long after the first message of a step those of all streams have come; a step takes longer. */
const burstMs = 3;

/** From the moment at which all streams have a token until one lacks only its last: nothing but decoding. */
export async function measureDecode(contender: Contender, shape: DecodeShape): Promise<Work> {
  const { streams, maxTokens } = shape;
  const generated = Array.from({ length: streams }, () => 0);
  const moment = async (): Promise<Work> => {
    await delay(burstMs);
    const tokens = generated.reduce((sum, count) => sum + count, 0);
    return workUntilNow(contender, tokens);
  };
  let start: Promise<Work> | null = null;
  let end: Promise<Work> | null = null;
  const onTokens = (stream: number, count: number): void => {
    generated[stream] = count;
    if (start === null && generated.every((each) => each > 0)) start = moment();
    if (end === null && count >= maxTokens - 1) end = moment();
  };
  await Promise.all(
    generated.map((_, slot) => {
      const request = { promptTokenIds: nextPrompt(shape.promptLength, shape.tokens), maxTokens, slot };
      return contender.generate(request, (count) => onTokens(slot, count));
    }),
  );
  const [first, last] = await Promise.all([start ?? moment(), end ?? moment()]);
  const work = workBetween(first, last);
  if (work.tokens <= 0) throw new Error(`${contender.name}: one stream had ended before all had begun`);
  if (work.cpuSeconds <= 0) throw new Error(`${contender.name} used no processor time: a wrapper must exec it`);
  return work;
}

/** One stream, one token: `wallMs` is the time to it. */
export async function measurePrefill(contender: Contender, { promptLength, tokens }: Prompt): Promise<Work> {
  const request = { promptTokenIds: nextPrompt(promptLength, tokens), maxTokens: 1, slot: 0 };
  const start = workUntilNow(contender, 0);
  let firstMs = Number.NaN;
  await contender.generate(request, () => {
    firstMs = performance.now();
  });
  // The last bookkeeping of the request belongs to it.
  await delay(burstMs);
  return { ...workBetween(start, workUntilNow(contender, promptLength)), wallMs: firstMs - start.wallMs };
}
