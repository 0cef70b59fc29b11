import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Engine, EngineReplica } from "@pomona/node-agent/engine/engine";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import {
  createSimulatedEngine,
  predictSimulated,
  SimulatedReplica,
  simulatedInfill,
} from "@pomona/node-agent/engine/simulated/simulated-engine";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { defaultSampling } from "@pomona/shared/core/generation";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { keyedModel, predictKeyed } from "@pomona/shared/core/gguf/keyed-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { recurrentModel } from "@pomona/shared/core/gguf/recurrent-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { firstPieceTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { engineCompliance } from "./engine-compliance.ts";
import { movedStates } from "./moved-states.ts";
import { promptLogprobsCompliance } from "./prompt-logprobs.ts";

const folder = mkdtempSync(join(tmpdir(), "pomona-engine-"));
const modelPath = join(folder, "keyed.gguf");
const infillingPath = join(folder, "infilling.gguf");
const junkPath = join(folder, "junk.gguf");
writeFileSync(modelPath, writeGguf(keyedModel()));
const controls = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"] as const;
const infilling = scriptedModel({ name: "infilling", reply: "return the sum of both;", controls });
writeFileSync(infillingPath, writeGguf(infilling));
const vocabulary = infilling.metadata.get("tokenizer.ggml.tokens");
const [prefix = -1, suffix = -1, middle = -1] = controls.map((text) =>
  vocabulary?.kind === "strings" ? vocabulary.values.indexOf(text) : -1,
);
const fimTokens = { prefix, suffix, middle, isSuffixFirst: false, ends: [prefix, suffix, middle] };
writeFileSync(junkPath, "this is no model");
after(() => rmSync(folder, { recursive: true, force: true }));

/** Tokens of each slot, where a test does not need many. */
const contextLength = 1024;
/** For answers that run for as long as it takes to save their state. */
const longContext = { slots: 2, contextLength: 8192 };

type Size = { readonly slots: number; readonly contextLength: number };

function loadWith(engine: Engine, path: string, size: Size): Promise<EngineReplica> {
  const options = { ...defaultEngineOptions, threads: 1 };
  const none = { checksTensors: false, stateStore: null, speed: null };
  const spec = { modelPath: path, ...size, options, ...none };
  return engine.load(spec, AbortSignal.timeout(60_000));
}

for (const [name, engine] of [
  ["llama", createLlamaEngine({ log: createSilentLogger() })],
  ["simulated", createSimulatedEngine({ stepMs: 1, chunkLength: 64 })],
] as const) {
  const load = (path: string, slots: number) => loadWith(engine, path, { slots, contextLength });
  const words = `4${"lorem ipsum ".repeat(20)}c`;
  promptLogprobsCompliance(name, { load: () => load(modelPath, 2), prompt: words, tolerance: 1e-4 });
  movedStates(name, {
    load: () => loadWith(engine, modelPath, longContext),
    prompt: `4${"lorem ipsum ".repeat(40)}c`,
  });
  engineCompliance(name, {
    load: (slots) => load(modelPath, slots),
    loadJunk: () => load(junkPath, 1),
    loadInfilling: () => load(infillingPath, 1),
    infill: name === "llama" ? fimTokens : simulatedInfill,
    predict: (prompt, promptTokenIds, maxTokens) =>
      name === "llama" ? predictKeyed(prompt, maxTokens) : predictSimulated(promptTokenIds, maxTokens),
    crash: (replica) => {
      if (replica instanceof SimulatedReplica) replica.crash();
      else if (replica.info.pid !== null) process.kill(replica.info.pid, "SIGKILL");
    },
  });
}

const models: readonly (readonly [string, GgufModel])[] = [
  ["counting", countingModel({ variant: "cycle" })],
  ["recurrent", recurrentModel()],
  ["random weights", randomModel("25m", "Q8_0")],
];
for (const [name, model] of models) {
  const path = join(folder, `${name}.gguf`);
  writeFileSync(path, writeGguf(model));
  promptLogprobsCompliance(`llama, ${name}`, {
    load: () => loadWith(createLlamaEngine({ log: createSilentLogger() }), path, { slots: 2, contextLength }),
    prompt: "some words of a prompt ".repeat(20),
    tolerance: 1e-3,
  });
  const bannedTokens = Array.from({ length: firstPieceTokenId }, (_, tokenId) => ({ tokenId, bias: -1000 }));
  movedStates(`llama, ${name}`, {
    load: () => loadWith(createLlamaEngine({ log: createSilentLogger() }), path, longContext),
    prompt: "some words of a prompt ".repeat(20),
    // Its memory cannot forget the tokens after the cut that a state may hold.
    ...(name === "recurrent" ? { cuts: [(held: number) => held + 1, (held: number) => held + 40] } : {}),
    sampling: {
      ...defaultSampling,
      temperature: 0.9,
      seed: 2 ** 40,
      logitBias: name === "random weights" ? bannedTokens : [],
    },
  });
}
