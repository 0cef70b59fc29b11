// `pomona bench engine`: how fast this machine runs a model.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { measureProfile } from "@pomona/node-agent/engine/measure-profile";
import { hardwareOfThisMachine } from "@pomona/node-agent/hardware/this-machine";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import type { EngineProfile } from "@pomona/shared/core/engine-profile";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { provideModelFile } from "@pomona/shared/runtime/model-source";
import { writeFileAtomically } from "@pomona/shared/runtime/state-directory";
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
  const modelPath = provideModelFile(source, join(flags.stateDir, "models"));
  const { chip, cpuCores } = await hardwareOfThisMachine().machine();
  const threads = flags.threads ?? Math.max(1, cpuCores - 1);
  const engine = createLlamaEngine({ log: createSilentLogger() });
  const options = { ...defaultEngineOptions, threads };
  const startedAtMs = performance.now();
  const spec = { modelPath, slots: flags.slots, contextLength: flags.context, options };
  const loading = engine.load({ ...spec, checksTensors: false, stateStore: null }, AbortSignal.timeout(loadTimeoutMs));
  const replica = await loading;
  const loadMs = performance.now() - startedAtMs;
  try {
    const profile = { build: engine.build, chip, threads, loadMs, ...(await measureProfile(replica)) };
    const path = join(flags.stateDir, "profiles", `${name.replaceAll("/", "_")}.json`);
    mkdirSync(join(flags.stateDir, "profiles"), { recursive: true, mode: 0o700 });
    writeFileAtomically(path, `${JSON.stringify(profile, null, 2)}\n`);
    process.stdout.write(
      flags.json === true ? `${JSON.stringify({ model: name, path, ...profile })}\n` : describe(name, path, profile),
    );
  } finally {
    await replica.close();
  }
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
