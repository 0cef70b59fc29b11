// What the worker process and its messages add: the worker against the same loop in this process, on a model that is so
// small that nothing else is left.
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { spreadOf } from "../spread.ts";
import { type Contender, characters } from "./contender.ts";
import { measureDecode, measurePrefill } from "./measure.ts";
import { writeModelFile } from "./model-file.ts";
import { startInProcess, startPomona } from "./pomona.ts";

/** By the clock, of one stream. */
export type IpcCost = { readonly msPerToken: ReadonlyMap<number, number>; readonly msToFirst: number };

const maxTokens = 900;
/** As in the figures that this is put beside. */
const prompt = { promptLength: 512, tokens: characters };
const rounds = 21;

export type IpcOptions = { readonly folder: string; readonly streams: readonly number[] };

export async function measureIpc({ folder, streams }: IpcOptions): Promise<IpcCost> {
  const path = await writeModelFile(folder, "counting", countingModel({ variant: "cycle" }));
  const worker = await startPomona(path);
  const inProcess = await startInProcess(path);
  const pair = { worker, inProcess };
  const toFirst = async (side: Contender): Promise<number> => (await measurePrefill(side, prompt)).wallMs;
  const msToFirst = await difference(pair, toFirst);
  const msPerToken = new Map<number, number>();
  for (const count of streams) {
    const shape = { ...prompt, promptLength: 16, streams: count, maxTokens };
    const perStep = async (side: Contender): Promise<number> => {
      const { wallMs, tokens } = await measureDecode(side, shape);
      return (wallMs * count) / tokens;
    };
    msPerToken.set(count, await difference(pair, perStep));
  }
  await worker.close();
  await inProcess.close();
  return { msPerToken, msToFirst };
}

type Pair = { readonly worker: Contender; readonly inProcess: Contender };

/** Median of the rounds, after one that warms up. */
async function difference({ worker, inProcess }: Pair, measure: (side: Contender) => Promise<number>): Promise<number> {
  const differences: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const through = await measure(worker);
    const direct = await measure(inProcess);
    if (round > 0) differences.push(through - direct);
  }
  return spreadOf(differences).median;
}
