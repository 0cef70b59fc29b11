// Synthetic models on disk, loaded into the real engine.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineLoadSpec, EngineReplica } from "@pomona/node-agent/engine/engine";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { createSilentLogger } from "@pomona/shared/runtime/logger";

/** A folder of models, and an engine that runs each with one thread. */
export class EngineModels {
  readonly folder = mkdtempSync(join(tmpdir(), "pomona-engine-"));
  readonly #engine = createLlamaEngine({ log: createSilentLogger() });
  readonly #written = new Set<string>();

  /** Two slots of 1,024 tokens without a state store, unless changed. */
  async load(name: string, model: () => GgufModel, changes: Partial<EngineLoadSpec> = {}): Promise<EngineReplica> {
    const modelPath = this.write(name, model);
    const options = { ...defaultEngineOptions, threads: 1 };
    const spec = {
      modelPath,
      slots: 2,
      contextLength: 1024,
      options,
      checksTensors: false,
      stateStore: null,
      speed: null,
    };
    return await this.#engine.load({ ...spec, ...changes }, AbortSignal.timeout(60_000));
  }

  /** Returns the path; a model of the same name is written once. */
  write(name: string, model: () => GgufModel): string {
    const path = join(this.folder, `${name}.gguf`);
    if (!this.#written.has(name)) writeFileSync(path, writeGguf(model()));
    this.#written.add(name);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
