// Rounds in, rows out: ratios of ours to theirs, round by round.
import { type Spread, spreadOf } from "../spread.ts";
import type { IpcCost } from "./ipc.ts";
import { sumOf, type Work } from "./measure.ts";

/** The samples of one round, of both sides. */
export type Round = { readonly ours: readonly Work[]; readonly theirs: readonly Work[] };

/** Of one model. Prompts are measured with one stream. */
export type ModelRounds = {
  readonly model: string;
  readonly against: string;
  readonly prefill: readonly Round[];
  readonly decode: ReadonlyMap<number, readonly Round[]>;
};

/** Medians of the rounds. */
type Side = {
  readonly decodeTokensPerCpuSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly prefillTokensPerCpuSecond: number;
  readonly prefillTokensPerSecond: number;
  readonly ttftMs: number;
  /** Processor time of the process that reads the stream. */
  readonly parentMsPerToken: number;
};

export type Row = {
  readonly model: string;
  readonly streams: number;
  readonly against: string;
  /** Tokens per CPU-second, ours / theirs, median of the rounds' ratios. */
  readonly decodeRatio: number;
  readonly prefillRatio: number;
  /** By the clock; less is better. */
  readonly ttftRatio: number;
  readonly decodeSpread: Spread;
  readonly prefillSpread: Spread;
  readonly ttftSpread: Spread;
  /** Tokens by the clock, ours / theirs. */
  readonly decodeWallSpread: Spread;
  readonly ours: Side;
  readonly theirs: Side;
  /** By the clock, of one stream, with so many streams. */
  readonly ipcMsPerToken: number;
  readonly ipcMsToFirst: number;
  readonly rounds: number;
};

export function rowsOf(rounds: ModelRounds, ipc: IpcCost): Row[] {
  const { model, against, prefill } = rounds;
  const prefillSpread = ratios(prefill, perCpuSecond);
  const ttftSpread = ratios(prefill, timeToFirst);
  return [...rounds.decode].map(([streams, decode]) => {
    const decodeSpread = ratios(decode, perCpuSecond);
    return {
      model,
      streams,
      against,
      decodeRatio: decodeSpread.median,
      prefillRatio: prefillSpread.median,
      ttftRatio: ttftSpread.median,
      decodeSpread,
      prefillSpread,
      ttftSpread,
      decodeWallSpread: ratios(decode, perSecond),
      ours: sideOf("ours", decode, prefill),
      theirs: sideOf("theirs", decode, prefill),
      ipcMsPerToken: ipc.msPerToken.get(streams) ?? Number.NaN,
      ipcMsToFirst: ipc.msToFirst,
      rounds: decode.length,
    };
  });
}

type Figure = (samples: readonly Work[]) => number;

function perCpuSecond(samples: readonly Work[]): number {
  const { tokens, cpuSeconds } = sumOf(samples);
  return tokens / cpuSeconds;
}

function perSecond(samples: readonly Work[]): number {
  const { tokens, wallMs } = sumOf(samples);
  return (tokens / wallMs) * 1000;
}

function timeToFirst(samples: readonly Work[]): number {
  return spreadOf(samples.map(({ wallMs }) => wallMs)).median;
}

function parentPerToken(samples: readonly Work[]): number {
  const { tokens, ownCpuSeconds } = sumOf(samples);
  return (ownCpuSeconds * 1000) / tokens;
}

function ratios(rounds: readonly Round[], figure: Figure): Spread {
  return spreadOf(rounds.map(({ ours, theirs }) => figure(ours) / figure(theirs)));
}

function sideOf(side: keyof Round, decode: readonly Round[], prefill: readonly Round[]): Side {
  const median = (rounds: readonly Round[], figure: Figure): number =>
    spreadOf(rounds.map((round) => figure(round[side]))).median;
  return {
    decodeTokensPerCpuSecond: median(decode, perCpuSecond),
    decodeTokensPerSecond: median(decode, perSecond),
    prefillTokensPerCpuSecond: median(prefill, perCpuSecond),
    prefillTokensPerSecond: median(prefill, perSecond),
    ttftMs: median(prefill, timeToFirst),
    parentMsPerToken: median(decode, parentPerToken),
  };
}

/** What is to be reached against llama-server. */
export function goalsOf(streams: number): { readonly decode: number; readonly prefill: number; readonly ttft: number } {
  const decode = streams === 1 ? 0.9 : streams < 4 ? 0.92 : 0.95;
  return { decode, prefill: 0.97, ttft: 1.05 };
}

/** For people: two lines a row. */
export function describeRow(row: Row): string {
  const goals = goalsOf(row.streams);
  const figure = (name: string, { median, min, max }: Spread, goal: string): string =>
    `${name} ${median} (${min}-${max}; goal ${goal})`;
  const { ours, theirs } = row;
  return [
    `${row.model}, ${row.streams} streams, to ${row.against}:`,
    figure("decode", row.decodeSpread, `>= ${goals.decode}`),
    figure("prefill", row.prefillSpread, `>= ${goals.prefill}`),
    figure("first token", row.ttftSpread, `<= ${goals.ttft}`),
    `\n  tokens a CPU-second: decode ${ours.decodeTokensPerCpuSecond} to ${theirs.decodeTokensPerCpuSecond},`,
    `prefill ${ours.prefillTokensPerCpuSecond} to ${theirs.prefillTokensPerCpuSecond};`,
    `by the clock: decode ${ours.decodeTokensPerSecond} to ${theirs.decodeTokensPerSecond}`,
    `(ratio ${row.decodeWallSpread.median}), first token ${ours.ttftMs} to ${theirs.ttftMs} ms;`,
    `parent ${ours.parentMsPerToken} ms a token; worker and messages ${row.ipcMsPerToken} ms a token,`,
    `${row.ipcMsToFirst} ms to the first`,
  ].join(" ");
}
