// One `pomona coordinator` or `pomona agent` as a process of its own, on free ports.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { endProcess, pomonaPath } from "./running-pool.ts";

/** What the processes tell whoever starts them. */
export type ReadyProcess = {
  readonly grpc: string;
  readonly pid: number;
  readonly http?: string;
  readonly id?: string;
};

export type StartedProcess = ReadyProcess & {
  /** Kills it as a crash would. */
  kill(): Promise<void>;
  close(): Promise<void>;
};

/** Starts `pomona ARGS` and waits, at most a minute, until it serves. */
export async function startPomona(args: readonly string[]): Promise<StartedProcess> {
  const quiet = ["--no-mdns", "--grpc-port", "0", "--log-level", process.env["TEST_LOG_LEVEL"] ?? "fatal"];
  const child = spawn(process.execPath, [pomonaPath, ...args, ...quiet], {
    stdio: ["ignore", process.env["TEST_LOG_LEVEL"] ? "inherit" : "ignore", "inherit", "ipc"],
  });
  const ready = await readyMessage(child, args);
  return {
    ...ready,
    kill: async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
    close: () => endProcess(child),
  };
}

async function readyMessage(child: ChildProcess, args: readonly string[]): Promise<ReadyProcess> {
  const signal = AbortSignal.timeout(60_000);
  const ended = once(child, "exit", { signal }).then(() => {
    throw new Error(`pomona ${args[0]} ended while it started`);
  });
  const [message] = await Promise.race([once(child, "message", { signal }), ended]);
  // Of the command line's own making (cli/process-messages.ts).
  const told = message as
    | (ReadyProcess & { readonly kind: "ready" })
    | { readonly kind: "failed"; readonly message: string };
  if (told.kind === "failed") throw new Error(told.message);
  return told;
}
