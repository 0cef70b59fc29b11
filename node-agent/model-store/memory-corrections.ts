// What replicas have taken against their estimates, kept over restarts: one small file for each engine and place.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeCapacity } from "@pomona/shared/core/node-status";
import { writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { z } from "zod";
import type { ShownMemory } from "../core/memory-correction.ts";

/** What makes the errors of two estimates alike. */
export type CorrectionIdentity = Pick<NodeCapacity, "gpu"> & {
  /** Name and version of the engine. */
  readonly build: string;
};

const bytes = z.number().min(0);
const shownSchema = z.array(
  z.strictObject({ replicaId: z.string().max(64), estimatedBytes: bytes, residentBytes: bytes }),
);

export class MemoryCorrections {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** None when nothing was kept, or what was kept makes no sense. */
  read(identity: CorrectionIdentity): ShownMemory[] {
    try {
      return shownSchema.max(64).parse(JSON.parse(readFileSync(this.#path(identity), "utf8")));
    } catch {
      return [];
    }
  }

  /** @throws Error when the disk takes nothing. */
  write(identity: CorrectionIdentity, loads: readonly ShownMemory[]): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileAtomically(this.#path(identity), `${JSON.stringify(loads, null, 2)}\n`);
  }

  #path({ build, gpu }: CorrectionIdentity): string {
    const key = createHash("sha256")
      .update(JSON.stringify([build, gpu]))
      .digest("hex");
    return join(this.#directory, `memory-${key.slice(0, 32)}.json`);
  }
}
