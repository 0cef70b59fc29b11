// Processor time of processes: on a machine with neighbours it tells more than the clock.
import { existsSync, readFileSync } from "node:fs";

/** Fixed on Linux, whatever the kernel's own tick: proc(5), sysconf(_SC_CLK_TCK). */
const ticksPerSecond = 100;

export function canReadCpuTime(): boolean {
  return existsSync("/proc/self/stat");
}

/** User and system seconds of all threads, those that have ended included, in steps of 10 ms. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, field 2, may hold anything; after it comes field 3. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Of this process. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
