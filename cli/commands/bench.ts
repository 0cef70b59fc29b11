// `pomona bench engine`: how fast this machine runs a model.

import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { measureProfile } from "@pomona/node-agent/engine/measure-profile";
import { hardwareOfThisMachine } from "@pomona/node-agent/hardware/this-machine";
import { ModelDigests } from "@pomona/node-agent/model-store/model-digests";
import { readModelNeeds } from "@pomona/node-agent/model-store/model-needs";
import { SpeedProfiles } from "@pomona/node-agent/model-store/speed-profiles";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import type { EngineProfile } from "@pomona/shared/core/engine-profile";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import type { Command } from "commander";
import { parseModelSpec } from "../model-spec.ts";
import { defaultStateDir, parseCount } from "../options.ts";
import { reportError } from "../report-error.ts";

type Flags = {
  readonly slots: number;
  readonly context: number;
  readonly threads?: number;
  readonly stateDir: string;
  readonly json?: boolean;
};

const loadTimeoutMs = 600_000;
/** What the steps have shown is told within 250 ms of the last of them; a busy machine may take longer. */
const speedIsToldMs = 10_000;

export function addBenchCommands(program: Command): void {
  const bench = program.command("bench").description("measure");
  bench
    .command("engine <model>")
    .description("measure prefill and decode of a model on this machine, and keep the profile for the scheduler")
    .option("--slots <n>", "streams at the same time, up to", parseCount, 8)
    .option("--context <n>", "tokens per slot", parseCount, 1024)
    .option("--threads <n>", "threads of an evaluation (default: all cores but one)", parseCount)
    .option("--state-dir <dir>", "state directory", defaultStateDir())
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  pomona bench engine /models/qwen2.5-7b-q4_0.gguf --slots 4")
    .action(async (model: string, flags: Flags) => {
      try {
        await benchEngine(model, flags);
      } catch (thrown) {
        process.exitCode = reportError(thrown).exitCode;
      }
    });
}

async function benchEngine(model: string, flags: Flags): Promise<void> {
  const { name, source } = parseModelSpec(model);
  const { stateDir, slots, context: contextLength } = flags;
  const signal = AbortSignal.timeout(loadTimeoutMs);
  const log = createSilentLogger();
  const { chip, cpuCores, gpu } = await hardwareOfThisMachine().machine();
  const threads = flags.threads ?? Math.max(1, cpuCores - 1);
  const engine = createLlamaEngine({ log });
  const options = { ...defaultEngineOptions, threads };
  const wanted = { model: name, source, slots, contextLength, engine: defaultEngineOptions, ...loadedInPlace };
  const { modelPath, memory } = await readModelNeeds(
    wanted,
    { gpu, modelsDirectory: join(stateDir, "models") },
    signal,
  );
  const kvBytesPerToken = memory.kvBytes / (slots * contextLength);
  const speed = expectedSpeed({ chip, gpu, weightsBytes: memory.weightsBytes, kvBytesPerToken });
  const spec = { modelPath, slots, contextLength, options, checksTensors: false, stateStore: null, speed };
  const startedAtMs = performance.now();
  const replica = await engine.load(spec, signal);
  const loadMs = performance.now() - startedAtMs;
  try {
    const profile = { build: engine.build, chip, threads, loadMs, ...(await measureProfile(replica)) };
    const learned = await speedToldAfter(replica);
    const digests = new ModelDigests({ cachePath: join(stateDir, "model-digests.json"), log });
    const identity = {
      digest: await digests.digestOf(modelPath, { isFresh: false, signal }),
      build: engine.build,
      chip,
      options,
    };
    const path = new SpeedProfiles(join(stateDir, "profiles")).write(identity, learned ?? speed);
    process.stdout.write(
      flags.json === true ? `${JSON.stringify({ model: name, path, ...profile })}\n` : describe(name, path, profile),
    );
  } finally {
    await replica.close();
  }
}

/** The speed that is told next: all steps so far are in it. */
async function speedToldAfter(replica: EngineReplica): Promise<SpeedProfile | null> {
  const known = replica.speed;
  const untilMs = performance.now() + speedIsToldMs;
  while (replica.speed === known && performance.now() < untilMs) await setTimeout(10);
  return replica.speed;
}

function describe(name: string, path: string, { chip, threads, loadMs, prefill, decode }: EngineProfile): string {
  const rows = decode.map(({ streams, tokensPerSecond }) => {
    const each = tokensPerSecond / streams;
    return `  ${String(streams).padStart(2)} streams  ${tokensPerSecond.toFixed(1)} tokens/s, ${each.toFixed(1)} each`;
  });
  return `${name} on ${chip}, ${threads} threads
  loaded in ${(loadMs / 1000).toFixed(1)} s
  prompt      ${prefill.tokensPerSecond.toFixed(0)} tokens/s (${prefill.promptTokens} tokens)
${rows.join("\n")}
kept in ${path}
`;
}
