// What the pool adds to a node-agent: tokens/s and time to first token through the coordinator (HTTP and SSE) as a ratio
// to the same requests sent to the node-agent's gRPC directly, alternating in one run.
// npm run -s bench:pool -- [--rounds 7] [--json]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { createNodeClient } from "@pomona/shared/grpc/client";
import { startPool } from "../support/running-pool.ts";
import { type Spread, spreadOf } from "./spread.ts";
import { runDirect, runThroughPool, type StreamTimes } from "./streams.ts";

const streamCounts = [1, 4, 8];
const options = parseArgs({
  options: { rounds: { type: "string", default: "7" }, json: { type: "boolean", default: false } },
}).values;

type Measured = { readonly tokensPerSecond: number; readonly ttftMs: number };
type Row = {
  readonly streams: number;
  /** Medians of the rounds' ratios, pool to direct, with the lowest and highest round. */
  readonly throughputRatio: Spread;
  readonly ttftRatio: Spread;
  readonly direct: Measured;
  readonly pool: Measured;
};

/**
 * Heartbeats tell the coordinator what others run on a node, and it believes them: without this wait it keeps off the
 * slots that the direct streams have just left.
 */
const heartbeatsMs = 1100;

async function measure(run: (index: number) => Promise<StreamTimes>, streams: number): Promise<Measured> {
  await setTimeout(heartbeatsMs);
  const start = performance.now();
  const all = await Promise.all(Array.from({ length: streams }, (_, index) => run(index)));
  const seconds = (performance.now() - start) / 1000;
  const tokens = all.reduce((sum, times) => sum + times.tokens, 0);
  return { tokensPerSecond: tokens / seconds, ttftMs: spreadOf(all.map((times) => times.ttftMs)).median };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "pomona-bench-"));
  const modelPath = join(folder, "random.gguf");
  writeFileSync(modelPath, writeGguf(randomModel("25m", "Q8_0")));
  const pool = await startPool(["--nodes", "1", "--slots", "8", "--model", modelPath]);
  const [node] = pool.nodes;
  if (node === undefined) throw new Error("the pool has no node");
  const client = createNodeClient(node.grpc);
  const rows: Row[] = [];
  for (const streams of streamCounts) {
    const direct: Measured[] = [];
    const through: Measured[] = [];
    for (let round = 0; round <= Number(options.rounds); round += 1) {
      const salt = round * 100;
      const one = await measure((index) => runDirect(client, "random", salt + index), streams);
      const other = await measure((index) => runThroughPool(pool.http, "random", salt + 50 + index), streams);
      if (round === 0) continue; // Warm-up.
      direct.push(one);
      through.push(other);
    }
    rows.push(rowOf(streams, direct, through));
  }
  client.close();
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
  print(rows);
}

function rowOf(streams: number, direct: readonly Measured[], through: readonly Measured[]): Row {
  const ratios = (of: (measured: Measured) => number): Spread =>
    spreadOf(through.map((measured, i) => of(measured) / of(direct[i] ?? measured)));
  const medianOf = (all: readonly Measured[]): Measured => ({
    tokensPerSecond: spreadOf(all.map((measured) => measured.tokensPerSecond)).median,
    ttftMs: spreadOf(all.map((measured) => measured.ttftMs)).median,
  });
  return {
    streams,
    throughputRatio: ratios((measured) => measured.tokensPerSecond),
    ttftRatio: ratios((measured) => measured.ttftMs),
    direct: medianOf(direct),
    pool: medianOf(through),
  };
}

function print(rows: readonly Row[]): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ rows })}\n`);
    return;
  }
  for (const row of rows) {
    const { throughputRatio: speed, ttftRatio: ttft } = row;
    process.stdout.write(
      `${row.streams} streams: tokens/s ${speed.median} (${speed.min}-${speed.max}), ` +
        `time to first token ${ttft.median} (${ttft.min}-${ttft.max}); ` +
        `directly ${row.direct.tokensPerSecond} tokens/s, ${row.direct.ttftMs} ms\n`,
    );
  }
}

await main();
