// Our engine, as a node-agent uses it, and its loop without the worker.
import type { EngineLoadSpec } from "@pomona/node-agent/engine/engine";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { loadModel } from "@pomona/node-agent/engine/llama/load-model";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { attemptOf } from "../../support/attempts.ts";
import { killAtExit } from "./cleanup.ts";
import { type BenchRequest, type Contender, contextLength, slotCount } from "./contender.ts";

type Generate = (attempt: Attempt, onFrame: (frame: AttemptFrame) => void) => void;

/** The real worker process. */
export async function startPomona(modelPath: string): Promise<Contender> {
  const engine = createLlamaEngine({ log: createSilentLogger() });
  const replica = await engine.load(specOf(modelPath), new AbortController().signal);
  const { pid } = replica.info;
  if (pid === null) throw new Error("assertion failed: the llama engine runs in a worker");
  const forget = killAtExit(pid);
  return {
    name: "pomona",
    pid,
    generate: (request, onTokens) => run((attempt, onFrame) => replica.generate(attempt, onFrame), request, onTokens),
    close: async () => {
      await replica.close();
      forget();
    },
  };
}

/** The same loop in this process: what is missing is the worker and the messages. */
export async function startInProcess(modelPath: string): Promise<Contender> {
  const listeners = new Map<string, (frame: AttemptFrame) => void>();
  const { loop } = await loadModel({
    spec: specOf(modelPath),
    onFrame: ({ requestId }, frame) => listeners.get(requestId)?.(frame),
    onStep: () => undefined,
    onEngineError: () => undefined,
  });
  const generate: Generate = (attempt, onFrame) => {
    listeners.set(attempt.requestId, (frame) => {
      if (frame.kind === "ending") listeners.delete(attempt.requestId);
      onFrame(frame);
    });
    loop.start(attempt);
  };
  return {
    name: "in process",
    pid: process.pid,
    generate: (request, onTokens) => run(generate, request, onTokens),
    close: () => loop.stop(),
  };
}

function specOf(modelPath: string): EngineLoadSpec {
  const options = { ...defaultEngineOptions, threads: 1 };
  return { modelPath, slots: slotCount, contextLength, options, checksTensors: false, stateStore: null, speed: null };
}

function run(generate: Generate, request: BenchRequest, onTokens: (generated: number) => void): Promise<void> {
  const { promptTokenIds, maxTokens } = request;
  return new Promise((resolve, reject) => {
    let generated = 0;
    generate(attemptOf(promptTokenIds, { maxTokens }), (frame) => {
      if (frame.kind === "tokens") {
        generated += frame.ids.length;
        onTokens(generated);
      }
      if (frame.kind !== "ending") return;
      if (generated === maxTokens) resolve();
      else reject(new Error(`${generated} of ${maxTokens} tokens: ${frame.ending.failure?.message ?? "an early end"}`));
    });
  });
}
