// A pool of real processes for tests: `pomona up` with real nats-server, node-agents and engine workers.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The command line program, started with this Node. */
export const pomonaPath = fileURLToPath(import.meta.resolve("@pomona/cli/main")).replace(
  /dist\/main\.js$/,
  "bin/pomona.js",
);

/** The one line that `pomona up --json` prints (contract.md). */
export type PoolAddresses = {
  readonly http: string;
  readonly grpc: string;
  readonly nats: { readonly url: string; readonly pid: number } | string;
  readonly metrics: string;
  readonly nodes: readonly {
    readonly id: string;
    readonly grpc: string;
    readonly pid: number;
    readonly stateDir: string;
  }[];
  readonly pid: number;
};

export type RunningPool = PoolAddresses & {
  readonly stateDir: string;
  /** What the pool wrote to stderr so far. */
  stderr(): string;
  /** Starts `pomona` with these arguments beside the pool; it is ended with it. */
  startBeside(args: readonly string[]): ChildProcess;
  close(): Promise<void>;
};

/** Ends a process in order, by force after ten seconds. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exited;
  clearTimeout(force);
}

/** Runs `pomona up --json` on free ports and waits, at most two minutes, until it is ready. */
export async function startPool(args: readonly string[]): Promise<RunningPool> {
  const stateDir = mkdtempSync(join(tmpdir(), "pomona-pool-"));
  const ports = ["--http-port", "0", "--grpc-port", "0", "--state-dir", stateDir];
  const up = spawn(process.execPath, [pomonaPath, "up", "--json", ...ports, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  up.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-100_000);
  });
  const beside: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(beside.map(endProcess));
    await endProcess(up);
    rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    const addresses = await firstLine(up);
    return {
      ...addresses,
      stateDir,
      stderr: () => stderr,
      startBeside: (more) => {
        const child = spawn(process.execPath, [pomonaPath, ...more], { stdio: ["ignore", "ignore", "inherit"] });
        beside.push(child);
        return child;
      },
      close,
    };
  } catch (error) {
    await close();
    throw new Error(`the pool did not start: ${stderr}`, { cause: error });
  }
}

async function firstLine(up: ChildProcess): Promise<PoolAddresses> {
  if (up.stdout === null) throw new Error("pomona up was started without a pipe");
  const lines = createInterface({ input: up.stdout });
  const deadline = AbortSignal.timeout(120_000);
  const line = await Promise.race([
    once(lines, "line", { signal: deadline }).then(([text]) => String(text)),
    once(up, "exit", { signal: deadline }).then(([code]) => Promise.reject(new Error(`pomona up exited with ${code}`))),
  ]);
  // The shape is what the test asserts next.
  return JSON.parse(line) as PoolAddresses;
}
