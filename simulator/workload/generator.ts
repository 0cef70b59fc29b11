// A trace for those who have none: drawn from statistics of the public ones, so that everything runs in a plain clone.
import { blockTokens } from "../engine/prefix.ts";
import type { Random } from "../random.ts";
import type { TraceName } from "./trace-files.ts";
import type { TraceRow } from "./trace-row.ts";
import { type TraceStatistics, traceStatistics } from "./trace-statistics.ts";

/** Prompts of the traces end here. */
const promptTokensMax = 7000;

/** Rows like those of a public trace: as many, over the same span. */
export function generateTrace(name: TraceName, random: Random): TraceRow[] {
  const statistics = traceStatistics[name];
  const rows: TraceRow[] = [];
  const turnsMean = statistics.turns.reduce((sum, share, index) => sum + share * (index + 1), 0);
  const sessions = Math.round(statistics.rows / turnsMean);
  const blocks = new BlockNames(statistics.hasSystemBlock);
  const starts = startTimes(statistics, sessions, random);
  for (const [session, atMs] of starts.entries())
    rows.push(...conversation(session, atMs, { ...statistics, blocks, random }));
  return rows.sort((a, b) => a.atMs - b.atMs);
}

/** Hands out ids that no other block has. */
class BlockNames {
  readonly #beginning: readonly number[];
  #next = 1;

  constructor(hasSystemBlock: boolean) {
    this.#beginning = hasSystemBlock ? [0] : [];
  }

  /** Blocks of a prompt that keeps so many of the one before it. */
  of(promptTokens: number, kept: readonly number[]): number[] {
    const count = Math.floor(promptTokens / blockTokens);
    const blocks = [...(kept.length === 0 ? this.#beginning : kept)].slice(0, count);
    while (blocks.length < count) {
      blocks.push(this.#next);
      this.#next += 1;
    }
    return blocks;
  }
}

type Parts = TraceStatistics & { readonly blocks: BlockNames; readonly random: Random };

function conversation(session: number, startMs: number, parts: Parts): TraceRow[] {
  const { random, turns, blocks } = parts;
  const count = 1 + indexIn(turns, random.next());
  const rows: TraceRow[] = [];
  let atMs = startMs;
  let promptTokens = Math.round(quantileOf(count === 1 ? parts.onlyPrompt : parts.firstPrompt, random.next()));
  let prompt = blocks.of(promptTokens, []);
  for (let turn = 0; turn < count; turn += 1) {
    const outputTokens = Math.max(1, Math.round(quantileOf(parts.outputTokens, random.next())));
    rows.push({ atMs, promptTokens, outputTokens, blocks: prompt, session });
    // A prompt that gets shorter is one of which the beginning was cut off: both come from the same draw.
    const draw = random.next();
    const kept = Math.round(quantileOf(parts.keptShare, draw) * prompt.length);
    const grown = promptTokens + Math.round(quantileOf(parts.growthTokens, draw));
    promptTokens = Math.min(promptTokensMax, Math.max(grown, Math.min(promptTokens, blockTokens)));
    prompt = blocks.of(promptTokens, prompt.slice(0, kept));
    atMs += 1000 * quantileOf(parts.thinkSeconds, random.next());
  }
  // What reaches beyond the end stands at the beginning: there is as much to do at any time.
  return rows.map((row) => ({ ...row, atMs: row.atMs % parts.spanMs }));
}

function startTimes({ spanMs, starts }: TraceStatistics, count: number, random: Random): number[] {
  return Array.from({ length: count }, () => {
    const part = indexIn(starts, random.next());
    return (spanMs * (part + random.next())) / starts.length;
  });
}

/** The value at a share of a distribution that is given by the means of its equal parts; 0 when there are none. */
function quantileOf(means: readonly number[], share: number): number {
  const position = Math.min(means.length - 1, Math.max(0, share * means.length - 0.5));
  const below = Math.floor(position);
  const low = means[below] ?? 0;
  const high = means[below + 1] ?? low;
  return low + (high - low) * (position - below);
}

function indexIn(shares: readonly number[], draw: number): number {
  let sum = 0;
  for (const [index, share] of shares.entries()) {
    sum += share;
    if (draw < sum) return index;
  }
  return 0;
}
