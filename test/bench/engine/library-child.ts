// Evaluates with node-llama-cpp's public interface as it comes: one `evaluate` a request, batched by the library.
import { getLlama, type LlamaContextSequence, LlamaLogLevel } from "node-llama-cpp";
import { contextLength, slotCount } from "./contender.ts";
import type { FromLibrary, ToLibrary } from "./library.ts";

const send = (message: FromLibrary): void => void process.send?.(message);

type Free = { readonly id: number; readonly sequence: LlamaContextSequence };

async function openSequences(modelPath: string): Promise<Free[]> {
  const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({
    sequences: slotCount,
    contextSize: contextLength,
    batchSize: 512,
    threads: 1,
    flashAttention: true,
  });
  return Array.from({ length: slotCount }, (_, id) => ({ id, sequence: context.getSequence() }));
}

async function answer({ sequence }: Free, message: ToLibrary): Promise<void> {
  const { request, promptTokenIds, maxTokens } = message;
  let generated = 0;
  // The library's token ids are branded numbers.
  const tokens = [...promptTokenIds] as Parameters<LlamaContextSequence["evaluate"]>[0];
  for await (const _token of sequence.evaluate(tokens, { temperature: 0 })) {
    generated += 1;
    send({ kind: "token", request, generated });
    if (generated === maxTokens) break;
  }
  // Now, while nothing is measured: it waits for the evaluations of other sequences.
  await sequence.clearHistory();
  send({ kind: "done", request });
}

const [modelPath] = process.argv.slice(2);
if (modelPath === undefined) throw new Error("assertion failed: the benchmark names a model file");
const free = await openSequences(modelPath);
process.on("message", (message) => {
  const place = free.shift();
  if (place === undefined) throw new Error("assertion failed: no more requests than slots");
  // Only the benchmark sends on this channel.
  void answer(place, message as ToLibrary).finally(() => {
    free.push(place);
    free.sort((a, b) => a.id - b.id);
  });
});
process.on("disconnect", () => process.exit(0));
send({ kind: "ready" });
