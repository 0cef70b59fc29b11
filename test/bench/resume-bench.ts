// Two promises of the engine on random weights, where every bit of a logit shows.
// - What a prompt that was evaluated before costs: time to first token as a ratio to the cold one, from a slot, from a
//   state in memory, and from a state on disk after a restart of the replica.
// - How often a generation that goes on in another replica, after a cut, is the undisturbed one.
// - How often an answer among eight streams is the one that the stream gets alone: what neighbours change.
// npm run -s bench:resume -- [--rounds 5] [--model 25m|135m] [--json]
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EngineReplica, StateStoreSpec } from "@pomona/node-agent/engine/engine";
import { type Decoding, defaultSampling, ownScope } from "@pomona/shared/core/generation";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { attemptOf, type Collected, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";
import { type Spread, spreadOf } from "./spread.ts";

const promptLength = 1500;
const cutsPerRun = 4;
const options = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    model: { type: "string", default: "25m" },
    json: { type: "boolean", default: false },
  },
}).values;
const size = options.model === "135m" ? "135m" : "25m";
const rounds = Number(options.rounds);

/** Ids of whole pieces, another row of them for each seed. */
function promptOf(seed: number, length: number): number[] {
  let state = seed + 1;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 400 + Math.floor((state / 2 ** 32) * 7000);
  });
}

async function load(models: EngineModels, slots: number, stateStore: StateStoreSpec | null): Promise<EngineReplica> {
  return await models.load(size, () => randomModel(size, "Q8_0"), { slots, contextLength: 2048, stateStore });
}

/** Milliseconds to the first token, and what was reused. */
async function firstToken(replica: EngineReplica, promptTokenIds: readonly number[]) {
  const startedAtMs = performance.now();
  const { ending } = await start(replica, attemptOf(promptTokenIds, { maxTokens: 1 })).done;
  return { ms: performance.now() - startedAtMs, cached: ending.usage.cachedPromptTokens };
}

type PrefixRow = { readonly from: string; readonly ttftRatio: Spread; readonly coldMs: number };

async function measurePrefixes(models: EngineModels): Promise<PrefixRow[]> {
  const ratios: Record<string, number[]> = { slot: [], memory: [], disk: [] };
  const cold: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const limits = { ramBytes: 1e9, diskBytes: 4e9, diskWriteBytesPerDay: 1e12, kvBytesPerToken: 6144 };
    const store = { directory: join(models.folder, `states-${round}`), ...limits };
    const [first, second] = [promptOf(round, promptLength), promptOf(1000 + round, promptLength)];
    const replica = await load(models, 1, store);
    const { ms: coldMs } = await firstToken(replica, first);
    cold.push(coldMs);
    const again = await firstToken(replica, first);
    await firstToken(replica, second);
    const fromMemory = await firstToken(replica, first);
    await replica.close();
    const restarted = await load(models, 1, store);
    const fromDisk = await firstToken(restarted, first);
    await restarted.close();
    for (const [from, { ms, cached }] of Object.entries({ slot: again, memory: fromMemory, disk: fromDisk })) {
      if (cached < promptLength - 1) throw new Error(`only ${cached} tokens came from ${from}`);
      ratios[from]?.push(ms / coldMs);
    }
  }
  const coldMs = spreadOf(cold).median;
  return Object.entries(ratios).map(([from, values]) => ({ from, ttftRatio: spreadOf(values), coldMs }));
}

type ExactRow = {
  readonly mode: string;
  readonly prompt: number;
  readonly cuts: number;
  readonly identical: number;
  /** Of the whole runs: different tokens, the least. */
  readonly distinctMin: number;
};

const modes: Readonly<Record<string, Partial<Decoding>>> = {
  greedy: {},
  seeded: { sampling: { ...defaultSampling, temperature: 0.8, seed: 11 } },
};

/** The cut run goes on in a second replica, which has the two neighbours that the first one had, or none. */
async function measureExactness(models: EngineModels): Promise<ExactRow[]> {
  const [one, other] = [await load(models, 3, null), await load(models, 3, null)];
  const rows: ExactRow[] = [];
  for (const [mode, decoding] of Object.entries(modes)) {
    for (const length of [40, 300, 600]) {
      let [cuts, identical, distinctMin] = [0, 0, Number.POSITIVE_INFINITY];
      for (let run = 0; run < rounds; run += 1) {
        const prompt = promptOf(run, length);
        const beside = start(one, attemptOf(promptOf(77 + run, 200), { maxTokens: 100 }));
        const whole = await start(one, attemptOf(prompt, { maxTokens: 60, ...decoding })).done;
        await beside.done;
        distinctMin = Math.min(distinctMin, new Set(whole.ids).size);
        for (let i = 1; i <= cutsPerRun; i += 1) {
          const cut = Math.floor((60 * i) / (cutsPerRun + 1));
          const rest = await goOn(other, { prompt, whole, cut, decoding });
          cuts += 1;
          if (rest.ids.join() === whole.ids.slice(cut).join()) identical += 1;
        }
      }
      rows.push({ mode, prompt: length, cuts, identical, distinctMin });
    }
  }
  await Promise.all([one.close(), other.close()]);
  return rows;
}

/** Eight prompts, each alone and all together; scopes keep the runs from sharing anything. */
async function measureNeighbours(
  models: EngineModels,
): Promise<{ readonly streams: number; readonly identical: number }> {
  const replica = await load(models, 8, null);
  let [streams, identical] = [0, 0];
  for (let run = 0; run < rounds; run += 1) {
    const answer = async (stream: number, cacheScope: string): Promise<string> => {
      const attempt = attemptOf(promptOf(100 * run + stream, 100), {
        maxTokens: 60,
        ...modes["seeded"],
        cacheScope: ownScope(cacheScope),
      });
      return (await start(replica, attempt).done).ids.join();
    };
    const numbers = Array.from({ length: 8 }, (_, stream) => stream);
    const alone: string[] = [];
    for (const stream of numbers) alone.push(await answer(stream, `alone ${run}`));
    const together = await Promise.all(numbers.map((stream) => answer(stream, `together ${run}`)));
    streams += numbers.length;
    identical += numbers.filter((stream) => alone[stream] === together[stream]).length;
  }
  await replica.close();
  return { streams, identical };
}

type Cut = {
  readonly prompt: readonly number[];
  readonly whole: Collected;
  readonly cut: number;
  readonly decoding: Partial<Decoding>;
};

async function goOn(replica: EngineReplica, { prompt, whole, cut, decoding }: Cut): Promise<Collected> {
  const past = { epoch: 2, emittedTokenIds: whole.ids.slice(0, cut), promptChunkLengths: whole.chunkLengths };
  const rest = await start(replica, attemptOf(prompt, { maxTokens: 60, ...decoding, ...past })).done;
  let next = cut;
  for (const frame of rest.frames) {
    if (frame.kind !== "tokens") continue;
    if (frame.firstIndex !== next) throw new Error(`token ${frame.firstIndex} came when ${next} was due`);
    next += frame.ids.length;
  }
  return rest;
}

function print(prefixes: readonly PrefixRow[], exact: readonly ExactRow[]): void {
  const line = (text: string): boolean => process.stdout.write(`${text}\n`);
  for (const { from, ttftRatio, coldMs } of prefixes) {
    const { median, min, max } = ttftRatio;
    line(`${promptLength} tokens from ${from}: ${median} (${min}-${max}) of the ${coldMs} ms of a cold prompt`);
  }
  for (const { mode, prompt, cuts, identical, distinctMin } of exact)
    line(`${mode}, prompt ${prompt}: ${identical} of ${cuts} cuts go on identically (${distinctMin}+ different of 60)`);
}

const models = new EngineModels();
try {
  const prefixes = await measurePrefixes(models);
  const exactness = await measureExactness(models);
  const neighbours = await measureNeighbours(models);
  if (options.json) process.stdout.write(`${JSON.stringify({ model: size, prefixes, exactness, neighbours })}\n`);
  else {
    print(prefixes, exactness);
    process.stdout.write(`among eight streams: ${neighbours.identical} of ${neighbours.streams} as if alone\n`);
  }
} finally {
  models.remove();
}
