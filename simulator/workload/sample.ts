// From a trace to a workload of a wanted load: whole conversations are drawn, so that the times between turns stay real.
import { contextLength, type MeanRequest } from "../engine/machine-profile.ts";
import type { Random } from "../random.ts";
import type { TraceRow } from "./trace-row.ts";

/** One request as a client sends it. */
export type WorkloadRequest = {
  readonly atMs: number;
  readonly model: string;
  readonly tenant: string;
  /** Turns of one conversation have the same number. */
  readonly conversation: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly blocks: readonly number[];
};

/** The model of every scenario that has only one. */
export const onlyModel = "32b";
/** Who asks in every scenario that has only one tenant. */
export const onlyTenant = "team";

/** Mooncake's times are in bins of 3 s. */
const binMs = 3000;

/** Mean lengths of a trace, in tokens. */
export function meanOf(rows: readonly Pick<TraceRow, "promptTokens" | "outputTokens">[]): MeanRequest {
  let promptTokens = 0;
  let outputTokens = 0;
  for (const row of rows) {
    promptTokens += row.promptTokens / rows.length;
    outputTokens += row.outputTokens / rows.length;
  }
  return { promptTokens, outputTokens };
}

export type SampleOptions = {
  readonly count: number;
  /** The wanted load, from the mean lengths of what is sent. */
  readonly requestsPerSecond: (mean: MeanRequest) => number;
  /** Whether times are in bins of 3 s, and have to be spread over them. */
  readonly isBinned: boolean;
  readonly random: Random;
};

/**
 * Draws conversations until they make the wanted load over the trace's whole span, again and again without putting any
 * back until there are enough requests, and then stretches time by what is missing to the load.
 */
export function sampleRows(rows: readonly TraceRow[], options: SampleOptions): WorkloadRequest[] {
  const { count, random } = options;
  const spanMs = (rows.at(-1)?.atMs ?? 0) + binMs;
  const perPass = (options.requestsPerSecond(meanOf(rows)) * spanMs) / 1000;
  const drawn: TraceRow[] = [];
  let conversations = 0;
  let deck: TraceRow[][] = [];
  for (let pass = 0; pass * perPass < count * 1.02; pass += 1) {
    const wanted = (pass + 1) * perPass;
    while (drawn.length < wanted) {
      if (deck.length === 0) deck = shuffled(sessionsOf(rows), random);
      conversations += 1;
      const session = conversations;
      for (const row of deck.pop() ?? [])
        drawn.push({ ...row, session, atMs: pass * spanMs + spread(row.atMs, options) });
    }
  }
  const kept = drawn.sort((a, b) => a.atMs - b.atMs).slice(0, count);
  // What was drawn is a little longer or shorter than the whole: the load is that of the requests that are sent.
  const wantedMs = (1000 * kept.length) / options.requestsPerSecond(meanOf(kept));
  const stretch = wantedMs / (kept.at(-1)?.atMs ?? wantedMs);
  return kept.map(({ atMs, promptTokens, outputTokens, blocks, session }) => ({
    atMs: atMs * stretch,
    model: onlyModel,
    tenant: onlyTenant,
    conversation: session,
    promptTokens,
    outputTokens: Math.min(outputTokens, contextLength - promptTokens),
    blocks,
  }));
}

function spread(atMs: number, { isBinned, random }: SampleOptions): number {
  return isBinned ? atMs + random.between(0, binMs) : atMs;
}

function sessionsOf(rows: readonly TraceRow[]): TraceRow[][] {
  const sessions = new Map<number, TraceRow[]>();
  for (const row of rows) {
    const session = sessions.get(row.session);
    if (session === undefined) sessions.set(row.session, [row]);
    else session.push(row);
  }
  return [...sessions.values()];
}

function shuffled<Item>(items: Item[], random: Random): Item[] {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = random.integer(0, index);
    const [a, b] = [items[index], items[other]];
    if (a === undefined || b === undefined) continue;
    items[index] = b;
    items[other] = a;
  }
  return items;
}
