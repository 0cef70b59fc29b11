import type { PlannedModel as PlannedModelWire } from "@pomona/proto/generated/pomona/v1/PlannedModel";
import type { PlannedNode as PlannedNodeWire } from "@pomona/proto/generated/pomona/v1/PlannedNode";
import type { PlanPlacementResponse } from "@pomona/proto/generated/pomona/v1/PlanPlacementResponse";
import type { PlacementReport, PlannedModel, PlannedNode } from "../core/placement/placement-report.ts";

export function placementReportToWire({ nodes, models }: PlacementReport): PlanPlacementResponse {
  return { nodes: nodes.map(nodeToWire), models: models.map(modelToWire) };
}

function nodeToWire({ replicas, lostModels, ...node }: PlannedNode): PlannedNodeWire {
  const memoryOf = replicas.map((replica) => ({ ...replica, memory: { ...replica.memory } }));
  return { ...node, replicas: memoryOf, lostModels: [...lostModels] };
}

function modelToWire({ standbyNodeIds, unmet, remedies, ...model }: PlannedModel): PlannedModelWire {
  return {
    ...model,
    standbyNodeIds: [...standbyNodeIds],
    unmet: [...unmet],
    remedies: remedies.map((remedy) => ({ ...remedy })),
  };
}
