// Tables for people: nodes with memory bars, models with their states.
import type { Member__Output } from "@pomona/proto/generated/pomona/v1/Member";
import type { ModelSummary__Output } from "@pomona/proto/generated/pomona/v1/ModelSummary";

const barWidth = 20;

/** A bar of 20 characters, filled by the share 0 to 1. */
export function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return "█".repeat(filled) + "░".repeat(barWidth - filled);
}

/** 1.5 GB, 408 MB, 12 kB: powers of ten, as macOS shows them. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** Rows in columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function nodesTable(nodes: readonly Member__Output[]): string {
  if (nodes.length === 0) return "no nodes";
  const rows = nodes.map(({ nodeId, state, status, grpcAddress }) => {
    const { budgetBytes = 0, freeBytes = 0, chip = "" } = status?.capacity ?? {};
    const used = budgetBytes - freeBytes;
    const models =
      status?.replicas.map((replica) => `${replica.model} (${shortState(replica.state)})`).join(", ") ?? "";
    const share = budgetBytes === 0 ? 0 : used / budgetBytes;
    return [
      nodeId,
      shortState(state),
      `${bar(share)} ${size(used)} of ${size(budgetBytes)}`,
      chip,
      grpcAddress,
      models,
    ];
  });
  return table([["NODE", "STATE", "MEMORY FOR MODELS", "CHIP", "ADDRESS", "MODELS"], ...rows]);
}

export function modelsTable(models: readonly ModelSummary__Output[]): string {
  if (models.length === 0) return "no models";
  const rows = models.map(({ name, state, readyReplicas, contextLength, reason }) => [
    name,
    state,
    String(readyReplicas),
    contextLength === 0 ? "" : String(contextLength),
    reason,
  ]);
  return table([["MODEL", "STATE", "REPLICAS", "CONTEXT", ""], ...rows]);
}

/** MEMBER_STATE_ALIVE -> alive */
export function shortState(state: string): string {
  return state.replace(/^(MEMBER|REPLICA)_STATE_/, "").toLowerCase();
}
