// How fast a model file spreads, and what that costs those who generate meanwhile. Real node-agents over loopback.
// - One holder gives a file to three nodes, against three node:http downloads at the same time, each hashed and written;
//   in turn, as a ratio. Streams of files have the buffers that Node gives them, and then, as the best that can be done
//   with node:http, such of 1 MiB.
// - Tokens/s of one stream on a node that receives or sends a file, against the same stream without; in turn, as a ratio.
// npm run -s bench:transfer -- [--bytes 1000000000] [--rounds 5] [--json]
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import type { NamedFile } from "@pomona/shared/core/model-files";
import { NodeProcess } from "../support/node-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Spread, spreadOf } from "./spread.ts";
import { runDirect } from "./streams.ts";
import { downloadByHttp } from "./transfer/http-downloads.ts";

const receivers = 3;
/** Streams are short and often in turn: what else runs on the machine hits both. */
const streamsPerSample = 16;
const samplesPerRound = 2;
const options = parseArgs({
  options: {
    bytes: { type: "string", default: "1000000000" },
    rounds: { type: "string", default: "5" },
    "busy-rate": { type: "string" },
    json: { type: "boolean", default: false },
  },
}).values;
const rounds = Number(options.rounds);
const folder = createTemporaryDirectory("transfer-bench");
const nodes: NodeProcess[] = [];
let started = 0;

async function startNode(args?: readonly string[]): Promise<NodeProcess> {
  const rate = options["busy-rate"];
  const environment: Record<string, string> = rate === undefined ? {} : { POMONA_TRANSFER_BYTES_PER_SECOND_BUSY: rate };
  started += 1;
  const stateDir = join(folder.path, `node-${started}`);
  const node = await NodeProcess.start({ stateDir, environment, ...(args === undefined ? {} : { args }) });
  nodes.push(node);
  return node;
}

/** Random bytes, which neither disk nor network makes smaller. */
function writeFile(bytes: number): { readonly path: string; readonly file: NamedFile } {
  const path = join(folder.path, "model.gguf");
  const hash = createHash("sha256");
  const output = openSync(path, "w");
  for (let written = 0; written < bytes; ) {
    const piece = randomBytes(Math.min(2 ** 22, bytes - written));
    hash.update(piece);
    written += writeSync(output, piece);
  }
  closeSync(output);
  return { path, file: { name: "model.gguf", bytes, digest: hash.digest("hex") } };
}

type SpreadRow = {
  /** Time of the downloads by that of the pool: more is better. */
  readonly ratio: Spread;
  /** The same for downloads with large buffers. */
  readonly tunedRatio: Spread;
  readonly poolSeconds: Spread;
  readonly httpSeconds: Spread;
  readonly tunedSeconds: Spread;
};

const tunedBufferBytes = 2 ** 20;

async function measureSpread(path: string, file: NamedFile, holder: NodeProcess): Promise<SpreadRow> {
  const targets = await Promise.all(Array.from({ length: receivers }, () => startNode()));
  const all = [holder, ...targets];
  const pool: number[] = [];
  const http: number[] = [];
  const tuned: number[] = [];
  const download = { path, digest: file.digest, folder: folder.path, count: receivers };
  for (let round = 0; round <= rounds; round += 1) {
    const httpMs = await downloadByHttp({ ...download, bufferBytes: 0 });
    const startedAtMs = performance.now();
    await Promise.all(targets.map((node) => node.pull([file], { peers: all.filter((peer) => peer !== node) })));
    const poolMs = performance.now() - startedAtMs;
    for (const node of targets) await node.remove(file.digest);
    const tunedMs = await downloadByHttp({ ...download, bufferBytes: tunedBufferBytes });
    if (round === 0) continue; // Warm-up.
    pool.push(poolMs / 1000);
    http.push(httpMs / 1000);
    tuned.push(tunedMs / 1000);
  }
  const ratioOf = (others: readonly number[]): Spread =>
    spreadOf(pool.map((seconds, round) => (others[round] ?? Number.NaN) / seconds));
  return {
    ratio: ratioOf(http),
    tunedRatio: ratioOf(tuned),
    poolSeconds: spreadOf(pool),
    httpSeconds: spreadOf(http),
    tunedSeconds: spreadOf(tuned),
  };
}

type SlowdownRow = {
  readonly role: "receiving" | "sending";
  /** Tokens/s with the transfer by those without. */
  readonly ratio: Spread;
  readonly tokensPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
};

async function tokensPerSecond(node: NodeProcess, salt: number): Promise<number> {
  const startedAtMs = performance.now();
  let tokens = 0;
  for (let i = 0; i < streamsPerSample; i += 1)
    tokens += (await runDirect(node.client, "model", salt * streamsPerSample + i)).tokens;
  return (1000 * tokens) / (performance.now() - startedAtMs);
}

type Roles = { readonly busy: NodeProcess; readonly from: NodeProcess; readonly to: NodeProcess };

async function measureSlowdown(file: NamedFile, { busy, from, to }: Roles): Promise<SlowdownRow> {
  const ratios: number[] = [];
  const free: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round <= rounds * samplesPerRound; round += 1) {
    const alone = await tokensPerSecond(busy, 2 * round);
    const controller = new AbortController();
    let heldBytes = 0;
    const onProgress = (progress: { readonly heldBytes: number }): void => {
      heldBytes = progress.heldBytes;
    };
    // The first part passes at full speed: nothing is generated yet.
    const warm = tokensPerSecond(busy, 1000 + round);
    const pulling = to.pull([file], { peers: [from], signal: controller.signal, onProgress });
    pulling.catch(() => undefined);
    await waitFor(() => heldBytes > 0, 60_000, "the transfer begins");
    await warm;
    const [startedAtMs, startBytes] = [performance.now(), heldBytes];
    const beside = await tokensPerSecond(busy, 2 * round + 1);
    const seconds = (performance.now() - startedAtMs) / 1000;
    const isOver = heldBytes >= file.bytes;
    controller.abort();
    await pulling.catch(() => undefined);
    await to.remove(file.digest);
    if (isOver) throw new Error("the transfer was over before the stream: take more bytes");
    if (round === 0) continue; // Warm-up.
    ratios.push(beside / alone);
    free.push(alone);
    rates.push((heldBytes - startBytes) / seconds / 1e6);
  }
  const role = busy === to ? "receiving" : "sending";
  return { role, ratio: spreadOf(ratios), tokensPerSecond: spreadOf(free), megabytesPerSecond: spreadOf(rates) };
}

function print(spread: SpreadRow, slowdowns: readonly SlowdownRow[]): void {
  const line = (text: string): boolean => process.stdout.write(`${text}\n`);
  const show = ({ median, min, max }: Spread): string => `${median} (${min}-${max})`;
  line(
    `${options.bytes} bytes to ${receivers} nodes: ${show(spread.poolSeconds)} s; by HTTP ${show(spread.httpSeconds)} s`,
  );
  line(`ratio ${show(spread.ratio)}; with large buffers ${show(spread.tunedSeconds)} s, ${show(spread.tunedRatio)}`);
  for (const { role, ratio, tokensPerSecond: speed, megabytesPerSecond } of slowdowns)
    line(`${role} at ${show(megabytesPerSecond)} MB/s: ${show(ratio)} of ${show(speed)} tokens/s`);
}

try {
  const { path, file } = writeFile(Number(options.bytes));
  const holder = await startNode();
  await holder.pull([file], { source: path });
  const spread = await measureSpread(path, file, holder);
  const modelPath = join(folder.path, "random.gguf");
  writeFileSync(modelPath, writeGguf(randomModel("25m", "Q8_0")));
  const busy = await startNode(["--threads", "1"]);
  await busy.load("bench", [], modelPath);
  const receiving = await measureSlowdown(file, { busy, from: holder, to: busy });
  await busy.pull([file], { source: path });
  const other = await startNode();
  const sending = await measureSlowdown(file, { busy, from: busy, to: other });
  if (options.json) process.stdout.write(`${JSON.stringify({ spread, slowdowns: [receiving, sending] })}\n`);
  else print(spread, [receiving, sending]);
} finally {
  await Promise.all(nodes.map((node) => node.close()));
  folder.remove();
}
