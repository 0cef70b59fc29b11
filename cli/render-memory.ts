// Memory of a node, drawn: what models hold of its budget, by part.
import type { ReplicaMemory__Output } from "@pomona/proto/generated/pomona/v1/ReplicaMemory";
import { barWidth, size } from "./render.ts";

export type MemoryParts = { readonly weights: number; readonly kv: number; readonly other: number };

/** What the bars are made of. */
export const memoryLegend = "█ weights  ▓ KV  ▒ buffers and processes  · others' memory  ░ free";

export function memoryParts(memories: readonly (ReplicaMemory__Output | null)[]): MemoryParts {
  const parts = { weights: 0, kv: 0, other: 0 };
  const mapped = new Map<string, number>();
  for (const memory of memories) {
    if (memory === null) continue;
    const { weightsBytes, kvBytes, computeBytes, processBytes, mappedBytes, mappedFile } = memory;
    // Pages that replicas have in common exist once.
    const shared = mappedFile === "" ? 0 : Math.min(mappedBytes, mapped.get(mappedFile) ?? 0);
    if (mappedFile !== "") mapped.set(mappedFile, Math.max(mappedBytes, mapped.get(mappedFile) ?? 0));
    parts.weights += weightsBytes - shared;
    parts.kv += kvBytes;
    parts.other += computeBytes + processBytes;
  }
  return parts;
}

export type NodeMemory = { readonly parts: MemoryParts; readonly budgetBytes: number; readonly freeBytes: number };

/** A bar of 20 characters; a part that is there at all has one at least, as long as there is room. */
export function memoryBar({ parts, budgetBytes, freeBytes }: NodeMemory): string {
  const held = parts.weights + parts.kv + parts.other;
  const foreign = Math.max(0, budgetBytes - freeBytes - held);
  const pieces: readonly (readonly [string, number])[] = [
    ["█", parts.weights],
    ["▓", parts.kv],
    ["▒", parts.other],
    ["·", foreign],
  ];
  if (budgetBytes <= 0) return "░".repeat(barWidth);
  let bar = "";
  let bytes = 0;
  for (const [character, part] of pieces) {
    bytes += part;
    const end = Math.min(barWidth, Math.round((bytes / budgetBytes) * barWidth));
    const least = part > 0 && bar.length < barWidth ? 1 : 0;
    bar += character.repeat(Math.max(least, end - bar.length));
  }
  return bar + "░".repeat(barWidth - bar.length);
}

export function memoryText(memory: NodeMemory): string {
  const { budgetBytes, freeBytes } = memory;
  return `${memoryBar(memory)} ${size(budgetBytes - freeBytes)} of ${size(budgetBytes)}`;
}
