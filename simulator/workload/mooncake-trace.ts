// Mooncake's traces (FAST'25, kvcache-ai/Mooncake, Apache-2.0): JSON lines with lengths and ids of 512-token blocks.
import { blockTokens } from "../engine/prefix.ts";
import type { TraceRow } from "./trace-row.ts";

export type MooncakeName = "conversation" | "synthetic";

/** Longer prompts are left out; the rest is divided by 4, so that blocks of 512 tokens become blocks of 128. */
const inputLengthMax = 28_000;
const lengthDivisor = 4;

type Line = {
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: readonly number[];
};

/** The requests by time. Prompts of one block are conversations of their own: that block may be a system prompt. */
export function parseMooncake(text: string): TraceRow[] {
  const rows: TraceRow[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const { timestamp, input_length, output_length, hash_ids } = lineOf(line, index);
    if (input_length > inputLengthMax) continue;
    const promptTokens = Math.max(1, Math.floor(input_length / lengthDivisor));
    const blocks = hash_ids.slice(0, Math.floor(promptTokens / blockTokens));
    // The second block tells conversations apart; ids are not negative.
    const session = hash_ids[1] ?? -1 - index;
    rows.push({ atMs: timestamp, promptTokens, outputTokens: Math.max(1, output_length), blocks, session });
  }
  return rows;
}

function lineOf(line: string, index: number): Line {
  const value: unknown = JSON.parse(line);
  if (!isLine(value)) throw new Error(`line ${index + 1} of the trace is no request of Mooncake's format`);
  return value;
}

function isLine(value: unknown): value is Line {
  if (typeof value !== "object" || value === null) return false;
  const { timestamp, input_length, output_length, hash_ids } = value as Record<string, unknown>;
  const numbers = [timestamp, input_length, output_length];
  return numbers.every(Number.isFinite) && Array.isArray(hash_ids) && hash_ids.every(Number.isInteger);
}
