import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { PowerStatus, ThermalState } from "@pomona/shared/core/node-status";
import type { MemoryReading } from "../core/memory-reading.ts";
import { type Conditions, type Hardware, type Machine, machineByNode } from "./hardware.ts";

const run = promisify(execFile);
const timeoutMs = 1000;

/** macOS, by its own command line tools: sysctl(8), pmset(1) and memory_pressure(1). None of them needs a right. */
export class MacosHardware implements Hardware {
  async machine(): Promise<Machine> {
    const byNode = machineByNode();
    const [memory, chip] = await Promise.all([
      output("sysctl", ["-n", "hw.memsize"]),
      output("sysctl", ["-n", "machdep.cpu.brand_string"]),
    ]);
    const memoryBytes = Number(memory) > 0 ? Number(memory) : byNode.memoryBytes;
    return { ...byNode, memoryBytes, chip: chip || byNode.chip, gpu: process.arch === "arm64" ? "metal" : "cpu" };
  }

  async conditions(): Promise<Conditions> {
    const [battery, thermal] = await Promise.all([output("pmset", ["-g", "batt"]), output("pmset", ["-g", "therm"])]);
    return { thermalState: parseThermalState(thermal), power: parsePower(battery) };
  }

  async memory(): Promise<MemoryReading | null> {
    return parseMemoryPressure(await output("memory_pressure", ["-Q"]));
  }
}

/** `pmset -g batt`: "Now drawing from 'AC Power'" or "'Battery Power'". It tells no watts. */
export function parsePower(text: string): PowerStatus {
  const source = /Now drawing from '(AC|Battery) Power'/.exec(text)?.[1];
  if (source === undefined) return { source: "unknown", watts: null };
  return { source: source === "AC" ? "mains" : "battery", watts: null };
}

/**
 * `pmset -g therm`. CPU_Speed_Limit is the share of full speed that the system allows; Apple silicon mostly only says
 * that no warning has been recorded.
 */
export function parseThermalState(text: string): ThermalState {
  const limit = /CPU_Speed_Limit\s*=\s*(\d+)/.exec(text)?.[1];
  if (limit !== undefined) {
    if (Number(limit) >= 100) return "nominal";
    if (Number(limit) >= 80) return "fair";
    return Number(limit) >= 50 ? "serious" : "critical";
  }
  return /No thermal warning level has been recorded/.test(text) ? "nominal" : "unknown";
}

/**
 * macOS, `memory_pressure -Q`: the share of memory that is neither wired nor compressed (AVAILABLE_NON_COMPRESSED_MEMORY
 * of XNU's osfmk/vm). It is generous, for what other programs use counts as free until it is compressed; Metal wires the
 * weights that are in use.
 */
export function parseMemoryPressure(text: string): MemoryReading | null {
  const total = /^The system has (\d+) /m.exec(text)?.[1];
  const percent = /^System-wide memory free percentage: (\d+)%$/m.exec(text)?.[1];
  if (total === undefined || percent === undefined || Number(percent) > 100) return null;
  return { availableBytes: Math.floor((Number(total) * Number(percent)) / 100), countsMappedFiles: false };
}

async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { timeout: timeoutMs })).stdout.trim();
  } catch {
    return "";
  }
}
