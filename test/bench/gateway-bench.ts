// What the coordinator costs a stream: the same tokens over its HTTP side, and over an HTTP server in the process of the
// simulated engine that makes them; in turn, in one run.
// - 200 streams of 50 tokens/s: tokens/s as a ratio, time from the engine to the client, processor time of the coordinator.
//   Once with 25 engines of 8 slots, as Macs have them, and once with 4 of 50: all tokens of a step come in one moment.
// - 1,000 streams of 5 tokens/s: the gaps between two tokens, and what the coordinator holds for each.
// npm run -s bench:gateway -- [--rounds 3] [--seconds 10] [--start-seconds 2] [--json]
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import type { PoolMember } from "../chaos/pool.ts";
import { memoryPreload, PoolProcess } from "../chaos/pool-process.ts";
import { endProcess } from "../support/running-pool.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ReadStream, readStream, type Target } from "./gateway/clients.ts";
import type { EnginesAnswer, EnginesQuestion, EnginesSpec } from "./gateway/engines.ts";
import { type Spread, spreadOf } from "./spread.ts";

const options = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    "start-seconds": { type: "string", default: "2" },
    json: { type: "boolean", default: false },
  },
}).values;
const enginesProgram = fileURLToPath(new URL("./gateway/engines.js", import.meta.url));
/** In which all streams of a round begin. */
const startMs = 1000 * Number(options["start-seconds"]);
/** Of /proc. */
const ticksPerSecond = 100;

type Load = {
  readonly streams: number;
  readonly tokensPerSecond: number;
  /** Of an engine. */
  readonly slots: number;
  readonly processes: number;
};

/** A process of engines, and the port where they answer past the pool. */
type Engines = { readonly child: ChildProcess; readonly port: number };

/** A coordinator and simulated engines that make tokens at a fixed pace. */
class BenchPool {
  readonly coordinator: PoolProcess;
  readonly engines: readonly Engines[];

  private constructor(coordinator: PoolProcess, engines: readonly Engines[]) {
    this.coordinator = coordinator;
    this.engines = engines;
  }

  static async start(folder: string, { streams, tokensPerSecond, slots, processes }: Load): Promise<BenchPool> {
    const modelPath = join(folder, "m.gguf");
    writeFileSync(modelPath, writeGguf(randomModel("25m", "Q8_0")));
    const state = join(folder, `${streams}-${slots}`);
    const coordinator = await PoolProcess.start({
      nodeArgs: ["--import", memoryPreload],
      args: [
        ...["coordinator", "--no-mdns", "--grpc-port", "0", "--http-port", "0"],
        ...["--state-dir", join(state, "coordinator"), "--slots", String(slots), "--model", `m=${modelPath}`],
      ],
    });
    const engines = await Promise.all(
      Array.from({ length: processes }, (_, index) =>
        startEngines({
          engines: streams / slots / processes,
          stepMs: 1000 / tokensPerSecond,
          directory: join(state, `engines${index}`),
          coordinator: coordinator.ready.grpc,
        }),
      ),
    );
    const pool = new BenchPool(coordinator, engines);
    await waitFor(() => pool.#isReady(streams / slots), 120_000, "all engines are ready");
    return pool;
  }

  get http(): string {
    return this.coordinator.ready.http ?? "";
  }

  async #isReady(engines: number): Promise<boolean> {
    const response = await fetch(`${this.http}/cluster/v1/nodes`);
    // The shape is that of docs/administration.md.
    const { nodes } = (await response.json()) as { readonly nodes: readonly PoolMember[] };
    const ready = nodes
      .flatMap(({ status }) => status?.replicas ?? [])
      .filter(({ state }) => state === "REPLICA_STATE_READY");
    return ready.length === engines;
  }

  /** When each token was made, by request. */
  async emitted(): Promise<Map<string, readonly number[]>> {
    const all = await Promise.all(this.engines.map(({ child }) => emittedBy(child)));
    return new Map(all.flatMap((emitted) => Object.entries(emitted)));
  }

  /** Seconds of the coordinator's processor time. */
  cpuSeconds(): number {
    const [, fields = ""] = readFileSync(`/proc/${this.coordinator.pid}/stat`, "latin1").split(") ");
    const numbers = fields.split(" ").map(Number);
    return ((numbers[11] ?? 0) + (numbers[12] ?? 0)) / ticksPerSecond;
  }

  async close(): Promise<void> {
    await Promise.all(this.engines.map(({ child }) => endProcess(child)));
    await this.coordinator.close();
  }
}

async function startEngines(spec: EnginesSpec): Promise<Engines> {
  const child = fork(enginesProgram, [JSON.stringify(spec)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const told = await answerOf(child);
  if (!("port" in told)) throw new Error("engines tell their port first");
  return { child, port: told.port };
}

async function emittedBy(child: ChildProcess): Promise<Readonly<Record<string, readonly number[]>>> {
  const answered = answerOf(child);
  child.send({ asks: "emitted" } satisfies EnginesQuestion);
  const told = await answered;
  if (!("emitted" in told)) throw new Error("engines tell when they emitted their tokens");
  return told.emitted;
}

async function answerOf(child: ChildProcess): Promise<EnginesAnswer> {
  const [answer] = await once(child, "message", { signal: AbortSignal.timeout(60_000) });
  // Of the engines' own making.
  return answer as EnginesAnswer;
}

type Measured = {
  readonly tokensPerSecond: number;
  /** From the engine to the client. */
  readonly lagP50Ms: number;
  /** Between two tokens of one stream. */
  readonly gapP99Ms: number;
  readonly cpuMicrosecondsPerToken: number;
};

async function measure(pool: BenchPool, target: Target, { streams, tokensPerSecond }: Load): Promise<Measured> {
  await pool.emitted();
  const cpuBefore = pool.cpuSeconds();
  const startedAtMs = performance.now();
  const read = await readAll(target, { streams, tokensPerSecond });
  const tookSeconds = (performance.now() - startedAtMs) / 1000;
  const cpuSeconds = pool.cpuSeconds() - cpuBefore;
  const tokens = read.reduce((sum, { cameMs }) => sum + cameMs.length, 0);
  if (tokens !== streams * tokensPerSecond * Number(options.seconds)) throw new Error(`${tokens} tokens came`);
  const emitted = await pool.emitted();
  return {
    tokensPerSecond: tokens / tookSeconds,
    lagP50Ms: share(lags(read, emitted), 0.5),
    gapP99Ms: share(gaps(read), 0.99),
    cpuMicrosecondsPerToken: (1e6 * cpuSeconds) / tokens,
  };
}

/** Kilobytes that the coordinator holds for each stream, in the middle of them. To count them it collects, and so stands still. */
async function heldPerStream(pool: BenchPool, target: Target, { streams, tokensPerSecond }: Load): Promise<number> {
  const seconds = Number(options.seconds);
  const heldBefore = (await pool.coordinator.memory()).heldBytes;
  const reading = readAll(target, { streams, tokensPerSecond });
  await setTimeout(startMs + seconds * 400);
  const heldBytes = (await pool.coordinator.memory()).heldBytes - heldBefore;
  await reading;
  return heldBytes / 1000 / streams;
}

/** As people come: not all in the same moment. */
async function readAll(
  target: Target,
  { streams, tokensPerSecond }: Pick<Load, "streams" | "tokensPerSecond">,
): Promise<ReadStream[]> {
  const tokens = Number(options.seconds) * tokensPerSecond;
  return await Promise.all(
    Array.from({ length: streams }, async (_, index) => {
      await setTimeout((index / streams) * startMs);
      return await readStream(target, { index, tokens });
    }),
  );
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
  readonly heldKilobytesPerStream: number;
};

async function measureRow(folder: string, load: Load): Promise<Row> {
  const pool = await BenchPool.start(folder, load);
  try {
    const ofPool: Target = { kind: "pool", http: pool.http };
    const past: Target = { kind: "direct", ports: pool.engines.map(({ port }) => port) };
    const direct: Measured[] = [];
    const through: Measured[] = [];
    // Warms up as well; engines know their replicas once they were used.
    const heldKilobytesPerStream = await heldPerStream(pool, ofPool, load);
    for (let round = 0; round < Number(options.rounds); round += 1) {
      through.push(await measure(pool, ofPool, load));
      direct.push(await measure(pool, past, load));
    }
    const compared = (compare: (one: Measured, other: Measured) => number): Spread =>
      spreadOf(through.map((measured, round) => compare(measured, direct[round] ?? measured)));
    return {
      ...load,
      ratio: compared((one, other) => one.tokensPerSecond / other.tokensPerSecond),
      addedLagP50Ms: compared((one, other) => one.lagP50Ms - other.lagP50Ms),
      addedGapP99Ms: compared((one, other) => one.gapP99Ms - other.gapP99Ms),
      cpuMicrosecondsPerToken: spreadOf(through.map((measured) => measured.cpuMicrosecondsPerToken)),
      heldKilobytesPerStream: Math.round(heldKilobytesPerStream),
    };
  } finally {
    await pool.close();
  }
}

function print({ streams, tokensPerSecond, slots, ...row }: Row): void {
  const show = ({ median, min, max }: Spread): string => `${median} (${min}-${max})`;
  process.stdout.write(
    [
      `${streams} streams of ${tokensPerSecond} tokens/s, engines of ${slots} slots: ratio to direct ${show(row.ratio)}`,
      `  added: ${show(row.addedLagP50Ms)} ms p50 from engine to client, ${show(row.addedGapP99Ms)} ms p99 between tokens`,
      `  coordinator: ${show(row.cpuMicrosecondsPerToken)} us a token, ${row.heldKilobytesPerStream} kB a stream`,
      "",
    ].join("\n"),
  );
}

const folder = createTemporaryDirectory("gateway-bench");
try {
  const rows: Row[] = [];
  for (const load of [
    { streams: 200, tokensPerSecond: 50, slots: 8, processes: 5 },
    { streams: 200, tokensPerSecond: 50, slots: 50, processes: 4 },
    { streams: 1000, tokensPerSecond: 5, slots: 50, processes: 20 },
  ]) {
    rows.push(await measureRow(folder.path, load));
    const row = rows.at(-1);
    if (!options.json && row !== undefined) print(row);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  folder.remove();
}
