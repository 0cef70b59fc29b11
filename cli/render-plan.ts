// What `pomona models plan` shows: each node with what it would hold, each model with what stands against it.
import type { PlannedModel__Output } from "@pomona/proto/generated/pomona/v1/PlannedModel";
import type { PlannedNode__Output } from "@pomona/proto/generated/pomona/v1/PlannedNode";
import type { PlannedReplica__Output } from "@pomona/proto/generated/pomona/v1/PlannedReplica";
import type { PlanPlacementResponse__Output } from "@pomona/proto/generated/pomona/v1/PlanPlacementResponse";
import { shortIds, size, table, time } from "./render.ts";
import { memoryLegend, memoryParts, memoryText } from "./render-memory.ts";

export function describePlan({ nodes, models }: PlanPlacementResponse__Output): string {
  const short = shortIds(nodes.map(({ nodeId }) => nodeId));
  const called = new Map(nodes.map(({ nodeId, hostname }) => [nodeId, `${short(nodeId)} (${hostname})`]));
  const name = (nodeId: string): string => called.get(nodeId) ?? nodeId;
  const nodeParts = nodes.length === 0 ? ["no nodes"] : nodes.map((node) => describeNode(node, name));
  const modelParts = models.length === 0 ? ["no models"] : models.map((model) => describeModel(model, name));
  return [...nodeParts, memoryLegend, modelParts.join("\n")].join("\n\n");
}

const replicaHead = ["", "MODEL", "WEIGHTS", "KV", "OTHER", "PROMPT T/S", "ANSWER T/S", "SPEED IS", "READY IN", "WHY"];

function describeNode(node: PlannedNode__Output, name: (nodeId: string) => string): string {
  const { nodeId, chip, excludedFor, budgetBytes, freeBytes, replicas, lostModels } = node;
  const staying = replicas.filter(({ action }) => action !== "unload");
  const parts = memoryParts(staying.map(({ memory }) => memory));
  const lines = [`${name(nodeId)}, ${chip}`, `  ${memoryText({ parts, budgetBytes, freeBytes })}`];
  if (excludedFor !== "") lines.push(`  takes no models: ${excludedFor}`);
  if (replicas.length > 0) lines.push(indented(table([replicaHead, ...replicas.map(replicaRow)])));
  if (lostModels.length > 0) lines.push(`  if it dies, nobody answers for ${lostModels.join(", ")}`);
  return lines.join("\n");
}

function replicaRow(replica: PlannedReplica__Output): string[] {
  const { model, action, reason, memory, isMeasured, readyInMs } = replica;
  const { weightsBytes = 0, kvBytes = 0, computeBytes = 0, processBytes = 0 } = memory ?? {};
  const isGoing = action === "unload";
  const speeds = [replica.prefillTokensPerSecond, replica.decodeTokensPerSecond].map((speed) =>
    isGoing || speed === 0 ? "" : speed.toFixed(speed < 10 ? 1 : 0),
  );
  return [
    action,
    model,
    ...[weightsBytes, kvBytes, computeBytes + processBytes].map(size),
    ...speeds,
    isGoing ? "" : isMeasured ? "measured" : "expected",
    isGoing ? "" : readyInMs === 0 ? "now" : time(readyInMs),
    reason,
  ];
}

function describeModel(model: PlannedModel__Output, name: (nodeId: string) => string): string {
  const { standbyNodeIds, survivesNodeLoss, unmet, remedies, chosenFor } = model;
  const survives = survivesNodeLoss ? "answers whichever node dies" : "is lost with a node";
  const lines = [`${model.model} ${survives}`];
  if (chosenFor !== "") lines.push(`  chosen: ${chosenFor}`);
  if (standbyNodeIds.length > 0) lines.push(`  files alone on ${standbyNodeIds.map(name).join(", ")}`);
  for (const what of unmet) lines.push(`  not met: ${what}`);
  for (const { text, nodeId } of remedies)
    lines.push(`  what helps: ${text}${nodeId === "" ? "" : `, on ${name(nodeId)}`}`);
  return lines.join("\n");
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
