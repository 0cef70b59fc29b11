// Compares what replicas take with what was estimated for them, and keeps what that teaches.
import { toPomonaError } from "@pomona/shared/core/errors";
import type { Logger } from "@pomona/shared/runtime/logger";
import { correctionOf, type ShownMemory, withShown } from "./core/memory-correction.ts";
import type { Replica } from "./core/state.ts";
import type { CorrectionIdentity, MemoryCorrections } from "./model-store/memory-corrections.ts";

type MemoryCheckParts = {
  readonly corrections: MemoryCorrections;
  readonly identity: CorrectionIdentity;
  readonly log: Logger;
};

export class MemoryCheck {
  readonly #parts: MemoryCheckParts;
  #loads: readonly ShownMemory[];

  constructor(parts: MemoryCheckParts) {
    this.#parts = parts;
    this.#loads = parts.corrections.read(parts.identity);
  }

  /** What estimates are multiplied by; 1 for nothing. */
  get correction(): number {
    return correctionOf(this.#loads);
  }

  /** Takes note of what a replica has been seen to have in memory. */
  take({ replicaId, spec, estimatedBytes, residentBytes }: Replica): void {
    if (residentBytes === 0) return;
    const loads = withShown(this.#loads, { replicaId, estimatedBytes, residentBytes });
    if (loads === this.#loads) return;
    const before = this.correction;
    this.#loads = loads;
    const { corrections, identity, log } = this.#parts;
    const { correction } = this;
    if (correction !== before) {
      log.warn(
        { model: spec.model, estimatedBytes, residentBytes, correction },
        "what replicas take corrects later estimates of their memory",
      );
    }
    try {
      corrections.write(identity, loads);
    } catch (thrown) {
      log.warn({ reason: toPomonaError(thrown).message }, "what replicas take cannot be kept");
    }
  }
}
