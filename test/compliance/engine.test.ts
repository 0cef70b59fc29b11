import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import {
  createSimulatedEngine,
  predictSimulated,
  SimulatedReplica,
} from "@pomona/node-agent/engine/simulated/simulated-engine";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { keyedModel, predictKeyed } from "@pomona/shared/core/gguf/keyed-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { engineCompliance } from "./engine-compliance.ts";

const folder = mkdtempSync(join(tmpdir(), "pomona-engine-"));
const modelPath = join(folder, "keyed.gguf");
const junkPath = join(folder, "junk.gguf");
writeFileSync(modelPath, writeGguf(keyedModel()));
writeFileSync(junkPath, "this is no model");
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [name, engine] of [
  ["llama", createLlamaEngine({ log: createSilentLogger() })],
  ["simulated", createSimulatedEngine({ stepMs: 1, chunkLength: 64 })],
] as const) {
  const load = (path: string, slots: number) =>
    engine.load(
      {
        modelPath: path,
        slots,
        contextLength: 1024,
        options: { ...defaultEngineOptions, threads: 1 },
        checksTensors: false,
        stateStore: null,
        speed: null,
      },
      AbortSignal.timeout(60_000),
    );
  engineCompliance(name, {
    load: (slots) => load(modelPath, slots),
    loadJunk: () => load(junkPath, 1),
    predict: (prompt, promptTokenIds, maxTokens) =>
      name === "llama" ? predictKeyed(prompt, maxTokens) : predictSimulated(promptTokenIds, maxTokens),
    crash: (replica) => {
      if (replica instanceof SimulatedReplica) replica.crash();
      else if (replica.info.pid !== null) process.kill(replica.info.pid, "SIGKILL");
    },
  });
}
