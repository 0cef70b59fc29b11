// What a node-agent wants to know of its machine. What a machine does not tell is "unknown".
import { cpus, totalmem } from "node:os";
import type { MemoryPressure, PowerStatus, ThermalState } from "@pomona/shared/core/node-status";
import type { MemoryReading } from "../core/memory-reading.ts";
import type { OwnerReading } from "../core/owner-presence.ts";

export type Machine = {
  readonly memoryBytes: number;
  /** "Apple M4 Pro", or the processor's name. */
  readonly chip: string;
  readonly gpu: "metal" | "cpu";
  readonly cpuCores: number;
};

export type Conditions = { readonly thermalState: ThermalState; readonly power: PowerStatus };

export type Hardware = {
  /** Asked once, at start. */
  machine(): Promise<Machine>;
  /** What Metal recommends to have in use at most, asked once, at start; null where nobody tells. */
  workingSetBytes(): Promise<number | null>;
  /** Asked every few seconds; must not take longer than a second. */
  conditions(): Promise<Conditions>;
  /** Asked together with the conditions; null when the machine does not tell. */
  memory(): Promise<MemoryReading | null>;
  /** Asked together with the conditions. */
  pressure(): Promise<MemoryPressure>;
  /** Who is at the machine: asked only where models make way for its owner; null when the machine does not tell. */
  owner(): Promise<OwnerReading | null>;
  /** What a process of ours has in memory, mapped files included; null when it is gone or the machine does not tell. */
  residentBytes(pid: number): Promise<number | null>;
};

export const unknownConditions: Conditions = {
  thermalState: "unknown",
  power: { source: "unknown", watts: null },
};

/** What Node itself knows. */
export function machineByNode(): Machine {
  const processors = cpus();
  return {
    memoryBytes: totalmem(),
    chip: processors[0]?.model.trim() || "unknown",
    gpu: "cpu",
    cpuCores: Math.max(1, processors.length),
  };
}
