// Speeds that replicas have shown, kept over restarts: one small file for each model and way to run it.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineOptions } from "@pomona/shared/core/engine-options";
import { clampSpeed, type SpeedProfile, type speedRanges } from "@pomona/shared/core/speed-profile";
import { writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { z } from "zod";

/** What makes two replicas equally fast. */
export type SpeedIdentity = {
  /** SHA-256 of the model's file. */
  readonly digest: string;
  /** Name and version of the engine. */
  readonly build: string;
  readonly chip: string;
  readonly options: EngineOptions & { readonly threads: number };
};

const figure = z.number();
const profileSchema = z.strictObject({
  prefillTokensPerSecond: figure,
  contextSlowdownTokens: figure,
  decodeTokensPerSecond: figure,
  slotSlowdown: figure,
  kvBytesPerToken: figure,
  memoryBytesPerSecond: figure,
  restoreBytesPerSecond: figure,
  loadBytesPerSecond: figure,
} satisfies Record<keyof typeof speedRanges, typeof figure>);

export class SpeedProfiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Null when nothing was kept, or what was kept makes no sense. */
  read(identity: SpeedIdentity): SpeedProfile | null {
    try {
      const kept = profileSchema.parse(JSON.parse(readFileSync(this.#path(identity), "utf8")));
      return clampSpeed(kept, kept).isClamped ? null : kept;
    } catch {
      return null;
    }
  }

  /** @throws Error when the disk takes nothing. Returns the path. */
  write(identity: SpeedIdentity, speed: SpeedProfile): string {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const path = this.#path(identity);
    writeFileAtomically(path, `${JSON.stringify(speed, null, 2)}\n`);
    return path;
  }

  #path({ digest, build, chip, options }: SpeedIdentity): string {
    const { threads, gpuLayers, batchSize, chunkLength, kvType, hasFlashAttention, loras } = options;
    const how = [
      digest,
      build,
      chip,
      threads,
      gpuLayers,
      batchSize,
      chunkLength,
      kvType,
      hasFlashAttention,
      loras.length,
    ];
    const key = createHash("sha256").update(JSON.stringify(how)).digest("hex");
    return join(this.#directory, `${key.slice(0, 32)}.json`);
  }
}
