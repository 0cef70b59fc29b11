// A long-running process: starts, serves until it is told to stop, stops in order.
import { toPomonaError } from "@pomona/shared/core/errors";
import { exitCodeOf } from "./exit-codes.ts";
import { tellParent } from "./process-messages.ts";
import { reportError } from "./report-error.ts";

export type Stoppable = { close(): Promise<void> };

/**
 * Runs a process until SIGINT, SIGTERM or the end of the one that started it. A second signal ends it at once.
 * A start that fails is told in one line, and to the process that started this one.
 */
export async function runUntilStopped(start: () => Promise<Stoppable>): Promise<void> {
  let running: Stoppable;
  try {
    running = await start();
  } catch (thrown) {
    if (process.send === undefined) process.exit(reportError(thrown).exitCode);
    const error = toPomonaError(thrown);
    tellParent({ kind: "failed", message: error.message, exitCode: exitCodeOf(error) });
    process.exit(exitCodeOf(error));
  }
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    void running.close().then(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("disconnect", () => isStopping || stop());
}
