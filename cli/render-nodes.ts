import type { Member__Output } from "@pomona/proto/generated/pomona/v1/Member";
import { shortState, size, table } from "./render.ts";
import { memoryLegend, memoryParts, memoryText } from "./render-memory.ts";

const head = ["NODE", "HOST", "STATE", "MEMORY FOR MODELS", "CHIP", "ADDRESS", "LABELS", "MODELS"];

export function nodesTable(nodes: readonly Member__Output[]): string {
  if (nodes.length === 0) return "no nodes";
  return `${table([head, ...nodes.map(nodeRow)])}\n${memoryLegend}`;
}

function nodeRow(node: Member__Output): string[] {
  const { nodeId, status, grpcAddress, settings } = node;
  const { budgetBytes = 0, freeBytes = 0, chip = "" } = status?.capacity ?? {};
  const replicas = status?.replicas ?? [];
  const held = replicas.filter(({ state }) => state !== "REPLICA_STATE_FAILED").map(({ memory }) => memory);
  return [
    nodeId,
    status?.hostname ?? "",
    stateText(node),
    memoryText({ parts: memoryParts(held), budgetBytes, freeBytes }),
    chip,
    grpcAddress,
    settings?.labels.join(" ") ?? "",
    replicas.map(({ model, state }) => `${model} (${shortState(state)})`).join(", "),
  ];
}

/** `alive, cordoned, 4.0 GB kept free`. */
function stateText({ state, settings }: Member__Output): string {
  const words = [shortState(state)];
  if (settings?.isCordoned === true) words.push("cordoned");
  if (settings?.isDraining === true && state !== "MEMBER_STATE_DRAINING") words.push("to drain");
  if ((settings?.reservedBytes ?? 0) > 0) words.push(`${size(settings?.reservedBytes ?? 0)} kept free`);
  return words.join(", ");
}
