// Where the states of a replica are kept, and how much of them.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { EngineOptions, LoraAdapter } from "@pomona/shared/core/engine-options";
import { savedStateBytes } from "@pomona/shared/core/memory/kept-states";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { StateStoreSpec } from "./engine/engine.ts";
import type { ModelDigests } from "./model-store/model-digests.ts";

/** Limits of all saved states of a node. */
export type StateStoreLimits = {
  readonly directory: string;
  /** Of each model. */
  readonly diskBytes: number;
  readonly diskWriteBytesPerDay: number;
};

/** What makes the states of two replicas alike. */
export type StateIdentity = {
  /** SHA-256 of the model's file. */
  readonly digest: string;
  /** Adapters in their order, each by the SHA-256 of its file: what they change goes into the states. */
  readonly adapters: readonly { readonly digest: string; readonly scale: number }[];
  /** Name and version of the engine. */
  readonly build: string;
  readonly contextLength: number;
  readonly slots: number;
  readonly options: EngineOptions;
  readonly memory: ReplicaMemory;
};

/** @throws PomonaError when an adapter cannot be read; whatever, once the signal has aborted. */
export async function adapterIdentities(
  digests: ModelDigests,
  loras: readonly LoraAdapter[],
  signal: AbortSignal,
): Promise<StateIdentity["adapters"]> {
  const adapters: { readonly digest: string; readonly scale: number }[] = [];
  for (const { path, scale } of loras)
    adapters.push({ digest: await digests.digestOf(path, { isFresh: false, signal }), scale });
  return adapters;
}

/** 32 hex digits, equal for replicas that can use each other's states. */
export function stateKeyOf({ digest, adapters, build, contextLength, options }: StateIdentity): string {
  const parts = JSON.stringify([digest, build, contextLength, options.kvType, ...adapters]);
  return createHash("sha256").update(parts).digest("hex").slice(0, 32);
}

/** In memory as much is kept as the estimate of a replica's memory has room for. */
export function stateStoreSpec(limits: StateStoreLimits, identity: StateIdentity): StateStoreSpec {
  const { contextLength, slots, memory } = identity;
  return {
    directory: join(limits.directory, stateKeyOf(identity)),
    ramBytes: savedStateBytes(memory, slots),
    diskBytes: limits.diskBytes,
    diskWriteBytesPerDay: limits.diskWriteBytesPerDay,
    kvBytesPerToken: memory.kvBytes / (contextLength * slots),
  };
}
