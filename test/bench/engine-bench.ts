// Our engine against llama-server, or against the raw library: decode, prefill and time to first token, alternating in
// one run. See docs/benchmarks.md and `npm run -s bench:engine -- --help`.
import { rm } from "node:fs/promises";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { openWorkFolder } from "./engine/cleanup.ts";
import { type Contender, pieces } from "./engine/contender.ts";
import { canReadCpuTime } from "./engine/cpu-time.ts";
import { measureIpc } from "./engine/ipc.ts";
import { startLibrary } from "./engine/library.ts";
import { startLlamaServer } from "./engine/llama-server.ts";
import { measureDecode, measurePrefill, type Work } from "./engine/measure.ts";
import { sayingPieces, writeModelFile } from "./engine/model-file.ts";
import { type BenchModel, type BenchOptions, readOptions, UsageError, usage } from "./engine/options.ts";
import { startPomona } from "./engine/pomona.ts";
import { describeRow, type ModelRounds, type Round, type Row, rowsOf } from "./engine/rows.ts";

const prefillShape = { promptLength: 512, tokens: pieces };
const decodeShape = { promptLength: 16, tokens: pieces, maxTokens: 64 };
/** Processor time comes in steps of 10 ms: a round takes so many samples that these do not matter. */
const prefillSamples = 3;
const decodedStreams = 8;

type Pair = { readonly ours: Contender; readonly theirs: Contender };

async function measureModel(model: BenchModel, folder: string, options: BenchOptions): Promise<ModelRounds> {
  const modelPath = await writeModelFile(folder, model.name, sayingPieces(randomModel(model.size, model.type)));
  const ours = await startPomona(modelPath);
  const { llamaServer: program } = options;
  const theirs =
    program === null ? await startLibrary(modelPath) : await startLlamaServer({ program, modelPath, folder });
  const rounds = await runRounds({ ours, theirs }, options);
  await ours.close();
  await theirs.close();
  await rm(modelPath);
  return { model: model.name, against: theirs.name, ...rounds };
}

async function runRounds(pair: Pair, { rounds, streams }: BenchOptions) {
  const prefill: Round[] = [];
  const decode = new Map<number, Round[]>(streams.map((count) => [count, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const isWarmUp = round === 0;
    const prefilled = await sample(pair, prefillSamples, (side) => measurePrefill(side, prefillShape));
    if (!isWarmUp) prefill.push(prefilled);
    for (const [count, figures] of decode) {
      const shape = { ...decodeShape, streams: count };
      const samples = isWarmUp ? 1 : Math.ceil(decodedStreams / count);
      const decoded = await sample(pair, samples, (side) => measureDecode(side, shape));
      if (!isWarmUp) figures.push(decoded);
    }
    process.stderr.write(isWarmUp ? "warmed up\n" : `round ${round} of ${rounds}\n`);
  }
  return { prefill, decode };
}

let turns = 0;

/** The two sides alternate, and so does who comes first. */
async function sample(pair: Pair, count: number, measure: (side: Contender) => Promise<Work>): Promise<Round> {
  const round = { ours: [] as Work[], theirs: [] as Work[] };
  for (let i = 0; i < count; i += 1) {
    turns += 1;
    const order = turns % 2 === 0 ? (["ours", "theirs"] as const) : (["theirs", "ours"] as const);
    for (const side of order) round[side].push(await measure(pair[side]));
  }
  return round;
}

async function main(options: BenchOptions): Promise<void> {
  const folder = openWorkFolder();
  const ipc = await measureIpc({ folder, streams: options.streams });
  const rows: Row[] = [];
  for (const model of options.models) rows.push(...rowsOf(await measureModel(model, folder, options), ipc));
  const text = options.isJson ? JSON.stringify({ rows }) : rows.map(describeRow).join("\n");
  process.stdout.write(`${text}\n`);
}

function optionsOrExit(): BenchOptions {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== null) return options;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  }
}

const options = optionsOrExit();
if (!canReadCpuTime()) {
  process.stderr.write("the benchmark reads the processor time of processes in /proc, which this system has not\n");
  process.exit(1);
}
try {
  await main(options);
} catch (error) {
  process.stderr.write(`the benchmark failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// The library keeps threads of its own.
process.exit();
