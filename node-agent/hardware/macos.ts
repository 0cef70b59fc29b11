import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { MemoryPressure, PowerStatus, ThermalState } from "@pomona/shared/core/node-status";
import { usualWorkingSet } from "../core/memory-budget.ts";
import type { MemoryReading } from "../core/memory-reading.ts";
import type { OwnerReading } from "../core/owner-presence.ts";
import { type Conditions, type Hardware, type Machine, machineByNode } from "./hardware.ts";

const run = promisify(execFile);
const timeoutMs = 1000;

/**
 * macOS, by its own command line tools: sysctl(8), pmset(1), memory_pressure(1), ioreg(8), stat(1) and ps(1). None of them
 * needs a right.
 */
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

  /** Until an engine runs, which asks Metal itself. */
  async workingSetBytes(): Promise<number | null> {
    if (process.arch !== "arm64") return null;
    const [limit, memory] = await Promise.all([
      output("sysctl", ["-n", "iogpu.wired_limit_mb"]),
      output("sysctl", ["-n", "hw.memsize"]),
    ]);
    return parseWiredLimit(limit) ?? (Number(memory) > 0 ? usualWorkingSet(Number(memory)) : null);
  }

  async pressure(): Promise<MemoryPressure> {
    return parsePressureLevel(await output("sysctl", ["-n", "kern.memorystatus_vm_pressure_level"]));
  }

  async owner(): Promise<OwnerReading | null> {
    const [registry, user] = await Promise.all([
      output("ioreg", ["-r", "-c", "IOHIDSystem", "-d", "1"]),
      output("stat", ["-f", "%Su", "/dev/console"]),
    ]);
    return parseOwner(registry, user);
  }

  /** Without what Metal alone holds: an estimate can look too large by it, never too small. */
  async residentBytes(pid: number): Promise<number | null> {
    return parseResidentSize(await output("ps", ["-o", "rss=", "-p", String(pid)]));
  }
}

/** `sysctl -n iogpu.wired_limit_mb`: what an administrator has set, in MiB; 0 leaves it to the system. */
export function parseWiredLimit(text: string): number | null {
  const mebibytes = /^[1-9]\d*$/.test(text) ? Number(text) : 0;
  return mebibytes === 0 ? null : mebibytes * 2 ** 20;
}

/** `sysctl -n kern.memorystatus_vm_pressure_level`: XNU's NOTE_MEMORYSTATUS_PRESSURE_NORMAL, _WARN and _CRITICAL. */
export function parsePressureLevel(text: string): MemoryPressure {
  const levels: Readonly<Record<string, MemoryPressure>> = { "1": "normal", "2": "warning", "4": "critical" };
  return levels[text] ?? "unknown";
}

/**
 * `ioreg -r -c IOHIDSystem -d 1` and `stat -f %Su /dev/console`. HIDIdleTime is in nanoseconds; the console belongs to
 * root while nobody is logged in.
 */
export function parseOwner(registry: string, consoleUser: string): OwnerReading | null {
  const nanoseconds = /^[ |]*"HIDIdleTime" = (\d+)$/m.exec(registry)?.[1];
  if (nanoseconds === undefined || consoleUser === "") return null;
  const isLoggedIn = consoleUser !== "root" && consoleUser !== "_windowserver";
  return { idleMs: Math.floor(Number(nanoseconds) / 1e6), isLoggedIn };
}

/** `ps -o rss= -p <pid>`: KiB, and nothing for a process that is gone. */
export function parseResidentSize(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) * 1024 : null;
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
