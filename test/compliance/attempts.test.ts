import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { createSimulatedEngine, simulatedToken } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { keyedModel, predictKeyedIds } from "@pomona/shared/core/gguf/keyed-model";
import { tokenizeText } from "@pomona/shared/core/gguf/vocabulary";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { startAgent } from "../support/started-agent.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { attemptsCompliance } from "./attempts-compliance.ts";

const folder = createTemporaryDirectory("attempts");
const source = join(folder.path, "keyed.gguf");
writeFileSync(source, writeGguf(keyedModel()));
after(() => folder.remove());

const prompt = tokenizeText("7hello");

for (const [name, engine] of [
  ["llama", createLlamaEngine({ log: createSilentLogger() })],
  ["simulated", createSimulatedEngine({ stepMs: 1 })],
] as const) {
  attemptsCompliance(name, {
    startAgent: () => startAgent(join(folder.path, name), 4e9, engine),
    source,
    prompt,
    predict: (maxTokens) =>
      name === "llama"
        ? predictKeyedIds(prompt, maxTokens)
        : Array.from({ length: maxTokens }, (_, index) => simulatedToken(prompt, index)),
  });
}
