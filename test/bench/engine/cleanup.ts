// What must not outlive the benchmark, however it ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const pids = new Set<number>();
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A temporary folder that vanishes with this process, after the processes that were given to {@link killAtExit}. */
export function openWorkFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pomona-engine-bench-"));
  process.once("exit", () => {
    for (const pid of pids) kill(pid);
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => process.exit(code));
  return folder;
}

/** Returns how to take the process off the list, once it has exited. */
export function killAtExit(pid: number): () => void {
  pids.add(pid);
  return () => pids.delete(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone already.
  }
}
