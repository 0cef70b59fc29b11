// The working copy of a placement: what is where once the decisions made so far are carried out.
import type { ModelName, NodeId, ReplicaId } from "@pomona/shared/core/ids";
import { heldBytes, type ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { PlacementModel, PlacementNode, PlacementProblem, PlacementReplica } from "./problem.ts";

/** Something that has a place: a replica, or one that is to come. */
export type Resident = {
  readonly model: ModelName;
  readonly memory: ReplicaMemory;
  /** null for one that is to come. */
  readonly replica: PlacementReplica | null;
};

export class Layout {
  readonly nodes: readonly PlacementNode[];
  readonly models: ReadonlyMap<ModelName, PlacementModel>;
  readonly #residents = new Map<NodeId, Resident[]>();
  readonly #leaving = new Set<ReplicaId>();
  /** Replicas of each model that stay, by node. */
  readonly #staying = new Map<ModelName, Map<NodeId, Resident>>();

  constructor(problem: PlacementProblem) {
    this.nodes = problem.nodes;
    this.models = new Map(problem.models.map((model) => [model.model, model]));
    for (const node of problem.nodes) {
      const residents = node.replicas.map((replica) => ({ model: replica.model, memory: replica.memory, replica }));
      this.#residents.set(node.nodeId, residents);
      for (const resident of residents) {
        if (resident.replica.state === "leaving") this.#leaving.add(resident.replica.replicaId);
        else this.#stay(node.nodeId, resident);
      }
    }
  }

  residents(nodeId: NodeId): readonly Resident[] {
    return this.#residents.get(nodeId) ?? [];
  }

  isLeaving({ replica }: Resident): boolean {
    return replica !== null && this.#leaving.has(replica.replicaId);
  }

  /** Replicas of a model that stay or come, by node. */
  staying(model: ModelName): ReadonlyMap<NodeId, Resident> {
    return this.#staying.get(model) ?? new Map();
  }

  /** Those and the ones on nodes that may be back. */
  count(model: ModelName): number {
    return this.staying(model).size + (this.models.get(model)?.missing ?? 0);
  }

  /** Replicas that answer now: one that may be back is no reason to let another one go. */
  readyCount(model: ModelName): number {
    return [...this.staying(model).values()].filter(({ replica }) => replica?.state === "ready").length;
  }

  /** Bytes that are free for models once those are gone that are named; less than nothing where there are too many. */
  freeBytes(node: PlacementNode, without: ReadonlySet<Resident> = new Set()): number {
    const held = this.residents(node.nodeId).filter((resident) => !without.has(resident));
    return node.budgetBytes - node.otherBytes - heldBytes(held.map(({ memory }) => memory));
  }

  /** Whether a replica more has room once those are gone that are named. */
  fits(node: PlacementNode, memory: ReplicaMemory, without: ReadonlySet<Resident> = new Set()): boolean {
    const held = this.residents(node.nodeId).filter((resident) => !without.has(resident));
    const bytes = heldBytes([...held.map((resident) => resident.memory), memory]);
    return bytes <= node.budgetBytes - node.otherBytes;
  }

  /** Those that will be gone without another decision. */
  gone(nodeId: NodeId): Set<Resident> {
    return new Set(this.residents(nodeId).filter((resident) => this.isLeaving(resident)));
  }

  retire(nodeId: NodeId, resident: Resident): void {
    if (resident.replica !== null) this.#leaving.add(resident.replica.replicaId);
    const staying = this.#staying.get(resident.model);
    if (staying?.get(nodeId) === resident) staying.delete(nodeId);
  }

  /** Takes the room for one that is to come. */
  reserve(nodeId: NodeId, model: ModelName, memory: ReplicaMemory): void {
    const resident = { model, memory, replica: null };
    this.#residents.set(nodeId, [...this.residents(nodeId), resident]);
    this.#stay(nodeId, resident);
  }

  /** Of two of a model on one node the current one counts, then the one that is ready, then the one with the lower id. */
  #stay(nodeId: NodeId, resident: Resident): void {
    const staying = this.#staying.get(resident.model) ?? new Map<NodeId, Resident>();
    this.#staying.set(resident.model, staying);
    const known = staying.get(nodeId);
    if (known === undefined || comesBefore(resident, known)) staying.set(nodeId, resident);
  }
}

function comesBefore({ replica: a }: Resident, { replica: b }: Resident): boolean {
  if (a === null || b === null) return b !== null && !b.isCurrent;
  if (a.isCurrent !== b.isCurrent) return a.isCurrent;
  if (a.state !== b.state) return a.state === "ready";
  return a.replicaId < b.replicaId;
}
