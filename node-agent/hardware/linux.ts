import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PowerStatus } from "@pomona/shared/core/node-status";
import type { MemoryReading } from "../core/memory-reading.ts";
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
