import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MemoryPressure, PowerStatus } from "@pomona/shared/core/node-status";
import type { MemoryReading } from "../core/memory-reading.ts";
import type { OwnerReading } from "../core/owner-presence.ts";
import { type Conditions, type Hardware, type Machine, machineByNode, unknownConditions } from "./hardware.ts";

/** Linux: what the kernel's sysfs shows (Documentation/ABI/testing/sysfs-class-power). */
export class LinuxHardware implements Hardware {
  readonly #sysfs: string;

  /** @param sysfs `/sys`, or a recorded copy of it. */
  constructor(sysfs: string) {
    this.#sysfs = sysfs;
  }

  machine(): Promise<Machine> {
    return Promise.resolve(machineByNode());
  }

  async conditions(): Promise<Conditions> {
    return { ...unknownConditions, power: await this.#power() };
  }

  async memory(): Promise<MemoryReading | null> {
    return parseMeminfo(await readFile("/proc/meminfo", "utf8").catch(() => ""));
  }

  workingSetBytes(): Promise<number | null> {
    return Promise.resolve(null);
  }

  async pressure(): Promise<MemoryPressure> {
    return parsePressureStall(await readFile("/proc/pressure/memory", "utf8").catch(() => ""));
  }

  owner(): Promise<OwnerReading | null> {
    return Promise.resolve(null);
  }

  async residentBytes(pid: number): Promise<number | null> {
    return parseProcessStatus(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));
  }

  /** On battery when a battery discharges; on mains when a mains supply says so. */
  async #power(): Promise<PowerStatus> {
    const folder = join(this.#sysfs, "class/power_supply");
    const supplies = await readdir(folder).catch(() => []);
    let source: PowerStatus["source"] = "unknown";
    let watts: number | null = null;
    for (const supply of supplies) {
      const read = async (name: string): Promise<string> =>
        (await readFile(join(folder, supply, name), "utf8").catch(() => "")).trim();
      if ((await read("type")) === "Mains" && (await read("online")) === "1") source = "mains";
      if ((await read("type")) !== "Battery" || (await read("status")) !== "Discharging") continue;
      const microwatts = Number(await read("power_now"));
      if (microwatts > 0) watts = microwatts / 1e6;
      return { source: "battery", watts };
    }
    return { source, watts };
  }
}

/** Linux, /proc/meminfo: MemAvailable (proc_meminfo(5)). The page cache, and so a mapped model, counts as available. */
export function parseMeminfo(text: string): MemoryReading | null {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? null : { availableBytes: Number(kibibytes) * 1024, countsMappedFiles: true };
}

/** Tasks that wait for memory, in percent of the last ten seconds: half of what `full` takes to be critical. */
const warningPercent = 30;
/** All tasks at once: where systemd-oomd(8) begins to kill (oomd.conf(5), DefaultMemoryPressureLimit). */
const criticalPercent = 60;

/** Linux, /proc/pressure/memory (Documentation/accounting/psi.rst); kernels without it say nothing. */
export function parsePressureStall(text: string): MemoryPressure {
  const average = (who: "some" | "full"): number =>
    Number(new RegExp(`^${who} avg10=(\\d+\\.\\d+) `, "m").exec(text)?.[1] ?? Number.NaN);
  if (average("full") >= criticalPercent) return "critical";
  if (Number.isNaN(average("some"))) return "unknown";
  return average("some") >= warningPercent ? "warning" : "normal";
}

/** Linux, /proc/<pid>/status, VmRSS (proc_pid_status(5)): anonymous pages, and those of mapped files and shared memory. */
export function parseProcessStatus(text: string): number | null {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
