// For tests only: a pool whose nodes do what the coordinator asks of them.
import type { NodeStatus, ReplicaStatus } from "@pomona/shared/core/node-status";
import type { Effect } from "./effect.ts";
import { memoryOf, only, replicaOf, TestPool } from "./test-pool.ts";

export const digest = "ab".repeat(32);
export const file = { name: "m.gguf", bytes: 4e9, digest };
export const stored = { digest, bytes: 4e9, heldBytes: 4e9, state: "verified", failure: null } as const;

/** A pool whose nodes carry out what they are asked, and tell so in their heartbeats. */
export class LivingPool extends TestPool {
  readonly statuses = new Map<string, NodeStatus>();

  add(status: NodeStatus): Effect[] {
    this.statuses.set(status.nodeId, status);
    return this.obey(this.join(status));
  }

  /** Carries out loads, unloads and pulls at once. */
  obey(effects: readonly Effect[]): Effect[] {
    const all = [...effects];
    for (const { nodeId, replicaId, spec } of only(effects, "loadReplica")) {
      const { model, slots, contextLength, revision } = spec;
      const memory = this.state.members.get(nodeId)?.loading?.memory ?? memoryOf(4);
      const replica = replicaOf(replicaId, { model, slots, contextLength: contextLength ?? 100, memory, revision });
      this.#change(nodeId, ({ replicas, ...status }) => ({ ...status, replicas: [...replicas, replica] }));
      all.push(...this.obey(this.take({ kind: "replicaLoaded", nodeId, replica })));
    }
    for (const { nodeId, replicaId } of only(effects, "unloadReplica")) {
      const others = (list: readonly ReplicaStatus[]): ReplicaStatus[] =>
        list.filter((each) => each.replicaId !== replicaId);
      this.#change(nodeId, (status) => ({ ...status, replicas: others(status.replicas) }));
      all.push(...this.beat(nodeId));
    }
    for (const { nodeId, model, runKey, files } of only(effects, "pullModel")) {
      const held = files.map(({ digest: name, bytes }) => ({ ...stored, digest: name, bytes, heldBytes: bytes }));
      this.#change(nodeId, (status) => ({ ...status, files: [...status.files, ...held] }));
      this.beat(nodeId);
      all.push(...this.obey(this.take({ kind: "pullEnded", nodeId, model, runKey, failure: null })));
    }
    return all;
  }

  beat(nodeId: string): Effect[] {
    this.#change(nodeId, (status) => ({ ...status, sequence: status.sequence + 1 }));
    const status = this.statuses.get(nodeId);
    return status === undefined ? [] : this.obey(this.heartbeat(status));
  }

  /** Lets time pass with heartbeats of all nodes but those named. */
  pass(ms: number, ...silent: readonly string[]): Effect[] {
    const all: Effect[] = [];
    for (let left = ms; left > 0; left -= 500) {
      this.nowMs += Math.min(500, left);
      for (const nodeId of this.statuses.keys()) if (!silent.includes(nodeId)) all.push(...this.beat(nodeId));
      all.push(...this.obey(this.take({ kind: "tick" })));
    }
    return all;
  }

  held(nodeId: string): string[] {
    return (this.statuses.get(nodeId)?.replicas ?? []).map(({ model }) => model).sort();
  }

  #change(nodeId: string, change: (status: NodeStatus) => NodeStatus): void {
    const status = this.statuses.get(nodeId);
    if (status !== undefined) this.statuses.set(nodeId, change(status));
  }
}

export function loads(effects: readonly Effect[]): string[] {
  return only(effects, "loadReplica").map(({ nodeId, spec }) => `${spec.model}@${nodeId}`);
}

export function pulls(effects: readonly Effect[]): string[] {
  return only(effects, "pullModel").map(({ nodeId, model }) => `${model}@${nodeId}`);
}
