// A coordinator or node-agent as a process of its own, started by `pomona up`.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { PomonaError } from "@pomona/shared/core/errors";
import { exitCodes } from "./exit-codes.ts";
import type { AgentReady, CoordinatorReady, StartFailed } from "./process-messages.ts";

const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;

export type ChildResult<Ready> = { readonly process: ChildProcess; readonly ready: Ready };

/** Starts `pomona ARGS` and waits until it serves. @throws PomonaError `setup_failed` with what it said. */
export async function startChild<Ready extends CoordinatorReady | AgentReady>(
  args: readonly string[],
): Promise<ChildResult<Ready>> {
  const child = fork(fileURLToPath(new URL("../bin/pomona.js", import.meta.url)), args, {
    // A group of its own: Ctrl-C reaches it only through this process, in order.
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  try {
    return { process: child, ready: await readyMessage<Ready>(child) };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

function readyMessage<Ready>(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const fail = (message: string, exitCode: number = exitCodes.failed): void => {
      clearTimeout(timer);
      const code = exitCode === exitCodes.wrongUsage ? "invalid_request" : "setup_failed";
      reject(new PomonaError(code, message));
    };
    const timer = setTimeout(() => fail(`a process did not start within ${startTimeoutMs / 1000} s`), startTimeoutMs);
    child.once("exit", (code, signal) => fail(`a process ended while it started (${signal ?? `exit code ${code}`})`));
    child.once("error", (error) => fail(`a process could not be started: ${error.message}`));
    child.once("message", (message) => {
      // Only our own commands send on this channel.
      const told = message as StartFailed | (Ready & { kind: "ready" });
      if (told.kind === "failed") return fail(told.message, told.exitCode);
      clearTimeout(timer);
      resolve(told);
    });
  });
}

/** Ends a process in order, by force when it takes too long. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(force);
}
