// For tests only: nodes and models to place, in gigabytes.
import { decidePlacement } from "./decide.ts";
import { defaultPlacementConfig as config } from "./placement-config.ts";
import type {
  LoadOption,
  PlacementDecision,
  PlacementModel,
  PlacementNode,
  PlacementProblem,
  PlacementReplica,
} from "./problem.ts";

export function memoryOf(gigabytes: number): LoadOption["memory"] {
  return { weightsBytes: gigabytes * 1e9, kvBytes: 0, computeBytes: 0, processBytes: 0 };
}

export function nodeOf(nodeId: string, gigabytes: number, changes: Partial<PlacementNode> = {}): PlacementNode {
  return {
    nodeId,
    budgetBytes: gigabytes * 1e9,
    otherBytes: 0,
    canLoad: true,
    isDraining: false,
    drainingFor: 0,
    loadingLeft: null,
    replicas: [],
    ...changes,
  };
}

export function replicaOf(model: string, gigabytes: number, changes: Partial<PlacementReplica> = {}): PlacementReplica {
  return {
    replicaId: `old-${model}`,
    model,
    memory: memoryOf(gigabytes),
    state: "ready",
    isCurrent: true,
    isBusy: false,
    isMoving: false,
    idleFor: 100,
    residentFor: 1000,
    reloadSeconds: gigabytes,
    ...changes,
  };
}

export type ModelChanges = Partial<PlacementModel> & { readonly option?: Partial<LoadOption> };

/** A model that every node could have. */
export function modelOf(
  name: string,
  gigabytes: number,
  changes: ModelChanges = {},
): (nodes: readonly PlacementNode[]) => PlacementModel {
  const { option = {}, ...others } = changes;
  return (nodes) => ({
    model: name,
    priority: 0,
    isPinned: false,
    min: 1,
    max: Number.POSITIVE_INFINITY,
    keepAlive: 1800,
    idleFor: 5,
    waiting: 0,
    waitingFor: 0,
    isPressed: false,
    missing: 0,
    utilisation: 0,
    bytes: gigabytes * 1e9,
    options: new Map(
      nodes.map(({ nodeId }) => [
        nodeId,
        {
          memory: memoryOf(gigabytes),
          readyIn: gigabytes,
          hasFiles: true,
          requestSeconds: 10,
          isWaiting: false,
          ...option,
        },
      ]),
    ),
    ...others,
  });
}

export function problemOf(
  nodes: readonly PlacementNode[],
  models: readonly ReturnType<typeof modelOf>[],
): PlacementProblem {
  return { nodes, models: models.map((model) => model(nodes)) };
}

/** As `load m@a` and `retire m@a demand`. */
export function named(decisions: readonly PlacementDecision[]): string[] {
  return decisions.map((each) =>
    `${each.kind} ${each.model}@${each.nodeId} ${each.kind === "retire" ? each.eviction : ""}`.trim(),
  );
}

export function decided(nodes: readonly PlacementNode[], models: readonly ReturnType<typeof modelOf>[]): string[] {
  return named(decidePlacement(problemOf(nodes, models), config));
}
