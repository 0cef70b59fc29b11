// What replicas learn of their speed, kept for the next start.
import { toPomonaError } from "@pomona/shared/core/errors";
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { clampSpeed, type SpeedProfile } from "@pomona/shared/core/speed-profile";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { EngineReplica } from "./engine/engine.ts";
import { briefProfileOptions, measureProfile } from "./engine/measure-profile.ts";
import type { SpeedIdentity, SpeedProfiles } from "./model-store/speed-profiles.ts";

export class ReplicaSpeeds {
  readonly #profiles: SpeedProfiles;
  readonly #log: Logger;
  readonly #identities = new Map<ReplicaId, SpeedIdentity>();

  constructor(profiles: SpeedProfiles, log: Logger) {
    this.#profiles = profiles;
    this.#log = log;
  }

  /** Null when nothing is known of it. */
  known(identity: SpeedIdentity): SpeedProfile | null {
    return this.#profiles.read(identity);
  }

  began(replicaId: ReplicaId, identity: SpeedIdentity): void {
    this.#identities.set(replicaId, identity);
  }

  ended(replicaId: ReplicaId): void {
    this.#identities.delete(replicaId);
  }

  /** A few steps before the first request: whoever chooses between nodes knows at once what this one is worth. */
  async measure(replica: EngineReplica, model: string): Promise<void> {
    try {
      await measureProfile(replica, briefProfileOptions);
    } catch (thrown) {
      // A model that makes no text has nothing to measure here, and one that cannot is found out by its requests.
      this.#log.debug({ model, reason: toPomonaError(thrown).message }, "nothing was measured");
    }
  }

  keep(replicaId: ReplicaId, { speed }: EngineReplica): void {
    const identity = this.#identities.get(replicaId);
    if (identity === undefined || speed === null) return;
    try {
      this.#profiles.write(identity, speed);
    } catch (thrown) {
      this.#log.warn({ reason: toPomonaError(thrown).message }, "speeds cannot be kept");
    }
  }
}

/** What the engine has learned, with how fast it was loaded. */
export function speedOf({ speed }: EngineReplica, { memory, loadMs }: ReplicaStatus): SpeedProfile | null {
  if (speed === null || loadMs <= 0) return speed;
  return clampSpeed({ ...speed, loadBytesPerSecond: (1000 * memory.weightsBytes) / loadMs }, speed).speed;
}
