import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { PowerStatus, ThermalState } from "@pomona/shared/core/node-status";
import { type Conditions, type Hardware, type Machine, machineByNode } from "./hardware.ts";

const run = promisify(execFile);
const timeoutMs = 1000;

/** macOS, by its own command line tools: sysctl(8) and pmset(1). None of them needs a right. */
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

async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { timeout: timeoutMs })).stdout.trim();
  } catch {
    return "";
  }
}
