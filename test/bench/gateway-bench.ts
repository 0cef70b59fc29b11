// What the coordinator costs a stream: the same tokens over its HTTP side, and over an HTTP server in the process of the
// simulated engine that makes them; in turn, in one run.
// - 200 streams of 50 tokens/s: tokens/s as a ratio, time from the engine to the client, processor time of the coordinator.
// - 1,000 streams of 5 tokens/s: the gaps between two tokens, and what the coordinator holds for each.
// npm run -s bench:gateway -- [--rounds 3] [--seconds 10] [--start-seconds 2] [--json]
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import type { PoolMember } from "../chaos/pool.ts";
import { memoryPreload, PoolProcess } from "../chaos/pool-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ReadStream, readStream, type Target } from "./gateway/clients.ts";
import type { EngineAnswer, EngineQuestion } from "./gateway/engine-preload.ts";
import { type Spread, spreadOf } from "./spread.ts";

const options = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    "start-seconds": { type: "string", default: "2" },
    json: { type: "boolean", default: false },
  },
}).values;
const enginePreload = new URL("./gateway/engine-preload.js", import.meta.url).href;
/** In which all streams of a round begin. */
const startMs = 1000 * Number(options["start-seconds"]);
/** Of an engine. */
const slots = 50;
const budgetBytes = 2 ** 40;
/** Of /proc. */
const ticksPerSecond = 100;

type Load = { readonly streams: number; readonly tokensPerSecond: number };

/** A coordinator and simulated engines that make tokens at a fixed pace. */
class BenchPool {
  readonly coordinator: PoolProcess;
  readonly nodes: readonly PoolProcess[];

  private constructor(coordinator: PoolProcess, nodes: readonly PoolProcess[]) {
    this.coordinator = coordinator;
    this.nodes = nodes;
  }

  static async start(folder: string, { streams, tokensPerSecond }: Load): Promise<BenchPool> {
    const modelPath = join(folder, "m.gguf");
    writeFileSync(modelPath, writeGguf(randomModel("25m", "Q8_0")));
    const state = join(folder, `${streams}`);
    const common = ["--no-mdns", "--grpc-port", "0"];
    const coordinator = await PoolProcess.start({
      nodeArgs: ["--import", memoryPreload],
      args: [
        ...["coordinator", ...common, "--http-port", "0", "--state-dir", join(state, "coordinator")],
        ...["--slots", String(slots), "--model", `m=${modelPath}`],
      ],
    });
    const nodes = await Promise.all(
      Array.from({ length: streams / slots }, (_, index) =>
        PoolProcess.start({
          nodeArgs: ["--import", enginePreload],
          environment: { BENCH_STEP_MS: String(1000 / tokensPerSecond) },
          args: [
            ...["agent", ...common, "--state-dir", join(state, `node${index}`), "--peer", coordinator.ready.grpc],
            ...["--engine", "simulated", "--budget", String(budgetBytes)],
          ],
        }),
      ),
    );
    const pool = new BenchPool(coordinator, nodes);
    await waitFor(() => pool.#isReady(), 120_000, "all engines are ready");
    return pool;
  }

  get http(): string {
    return this.coordinator.ready.http ?? "";
  }

  async #isReady(): Promise<boolean> {
    const response = await fetch(`${this.http}/cluster/v1/nodes`);
    // The shape is that of docs/administration.md.
    const { nodes } = (await response.json()) as { readonly nodes: readonly PoolMember[] };
    const ready = nodes
      .flatMap(({ status }) => status?.replicas ?? [])
      .filter(({ state }) => state === "REPLICA_STATE_READY");
    return ready.length === this.nodes.length;
  }

  async ask(node: PoolProcess, question: EngineQuestion): Promise<EngineAnswer> {
    const answered = once(node.child, "message");
    node.child.send(question);
    const [answer] = await answered;
    // Of the preload's own making.
    return answer as EngineAnswer;
  }

  /** When each token was made, by request. */
  async emitted(): Promise<Map<string, readonly number[]>> {
    const all = await Promise.all(this.nodes.map((node) => this.ask(node, { asks: "emitted" })));
    return new Map(all.flatMap(({ emitted = {} }) => Object.entries(emitted)));
  }

  /** Seconds of the coordinator's processor time. */
  cpuSeconds(): number {
    const [, fields = ""] = readFileSync(`/proc/${this.coordinator.pid}/stat`, "latin1").split(") ");
    const numbers = fields.split(" ").map(Number);
    return ((numbers[11] ?? 0) + (numbers[12] ?? 0)) / ticksPerSecond;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.coordinator.close();
  }
}

type Measured = {
  readonly tokensPerSecond: number;
  /** From the engine to the client. */
  readonly lagP50Ms: number;
  /** Between two tokens of one stream. */
  readonly gapP99Ms: number;
  readonly cpuMicrosecondsPerToken: number;
  /** Of the coordinator, for each stream, in the middle of the round. */
  readonly heldKilobytesPerStream: number;
};

async function measure(pool: BenchPool, target: Target, { streams, tokensPerSecond }: Load): Promise<Measured> {
  const seconds = Number(options.seconds);
  await pool.emitted();
  const heldBefore = (await pool.coordinator.memory()).heldBytes;
  const cpuBefore = pool.cpuSeconds();
  const startedAtMs = performance.now();
  // As people come: not all in the same moment.
  const reading = Array.from({ length: streams }, async (_, index) => {
    await setTimeout((index / streams) * startMs);
    return await readStream(target, { index, tokens: seconds * tokensPerSecond });
  });
  await setTimeout(startMs + seconds * 400);
  const heldBytes = (await pool.coordinator.memory()).heldBytes - heldBefore;
  const read = await Promise.all(reading);
  const tookSeconds = (performance.now() - startedAtMs) / 1000;
  const cpuSeconds = pool.cpuSeconds() - cpuBefore;
  const tokens = read.reduce((sum, { cameMs }) => sum + cameMs.length, 0);
  if (tokens !== streams * seconds * tokensPerSecond) throw new Error(`${tokens} tokens came`);
  const emitted = await pool.emitted();
  return {
    tokensPerSecond: tokens / tookSeconds,
    lagP50Ms: share(lags(read, emitted), 0.5),
    gapP99Ms: share(gaps(read), 0.99),
    cpuMicrosecondsPerToken: (1e6 * cpuSeconds) / tokens,
    heldKilobytesPerStream: heldBytes / 1000 / streams,
  };
}

function lags(read: readonly ReadStream[], emitted: ReadonlyMap<string, readonly number[]>): number[] {
  return read.flatMap(({ requestId, cameMs }) => {
    const times = emitted.get(requestId) ?? [];
    return cameMs.map((ms, index) => ms - (times[index] ?? Number.NaN));
  });
}

function gaps(read: readonly ReadStream[]): number[] {
  return read.flatMap(({ cameMs }) => cameMs.slice(1).map((ms, index) => ms - (cameMs[index] ?? ms)));
}

function share(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.round(part * (sorted.length - 1))] ?? Number.NaN;
}

type Row = Load & {
  /** The pool's tokens/s by the direct ones. */
  readonly ratio: Spread;
  readonly addedLagP50Ms: Spread;
  readonly addedGapP99Ms: Spread;
  readonly cpuMicrosecondsPerToken: Spread;
  readonly heldKilobytesPerStream: Spread;
};

async function measureRow(folder: string, load: Load): Promise<Row> {
  const pool = await BenchPool.start(folder, load);
  try {
    const ports = await Promise.all(pool.nodes.map(async (node) => (await pool.ask(node, { asks: "port" })).port ?? 0));
    const direct: Measured[] = [];
    const through: Measured[] = [];
    for (let round = 0; round <= Number(options.rounds); round += 1) {
      const one = await measure(pool, { kind: "pool", http: pool.http }, load);
      if (round === 0) continue; // Warm-up; engines know their replicas once they were used.
      through.push(one);
      direct.push(await measure(pool, { kind: "direct", ports }, load));
    }
    const compared = (compare: (one: Measured, other: Measured) => number): Spread =>
      spreadOf(through.map((measured, round) => compare(measured, direct[round] ?? measured)));
    return {
      ...load,
      ratio: compared((one, other) => one.tokensPerSecond / other.tokensPerSecond),
      addedLagP50Ms: compared((one, other) => one.lagP50Ms - other.lagP50Ms),
      addedGapP99Ms: compared((one, other) => one.gapP99Ms - other.gapP99Ms),
      cpuMicrosecondsPerToken: spreadOf(through.map((measured) => measured.cpuMicrosecondsPerToken)),
      heldKilobytesPerStream: spreadOf(through.map((measured) => measured.heldKilobytesPerStream)),
    };
  } finally {
    await pool.close();
  }
}

function print({ streams, tokensPerSecond, ...row }: Row): void {
  const show = ({ median, min, max }: Spread): string => `${median} (${min}-${max})`;
  process.stdout.write(
    [
      `${streams} streams of ${tokensPerSecond} tokens/s: ratio to direct ${show(row.ratio)}`,
      `  added: ${show(row.addedLagP50Ms)} ms p50 from engine to client, ${show(row.addedGapP99Ms)} ms p99 between tokens`,
      `  coordinator: ${show(row.cpuMicrosecondsPerToken)} us a token, ${show(row.heldKilobytesPerStream)} kB a stream`,
      "",
    ].join("\n"),
  );
}

const folder = createTemporaryDirectory("gateway-bench");
try {
  const rows: Row[] = [];
  for (const load of [
    { streams: 200, tokensPerSecond: 50 },
    { streams: 1000, tokensPerSecond: 5 },
  ]) {
    rows.push(await measureRow(folder.path, load));
    const row = rows.at(-1);
    if (!options.json && row !== undefined) print(row);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  folder.remove();
}
