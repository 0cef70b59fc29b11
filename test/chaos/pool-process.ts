// One `pomona` process that a test hurts: killed, stopped, started again with the same arguments.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { endProcess, pomonaPath } from "../support/running-pool.ts";
import type { ReadyProcess } from "../support/started-process.ts";
import type { MemoryAnswer, MemoryQuestion } from "./memory-preload.ts";

export type ProcessOptions = {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of node itself. */
  readonly nodeArgs?: readonly string[];
  /** A command that runs the rest of the line: with other limits, on another host. */
  readonly prefix?: readonly string[];
};

/** What a process holds, and what it takes: V8 collects late where memory is plentiful. */
export type Memory = { readonly heldBytes: number; readonly residentBytes: number };

export const memoryPreload = new URL("./memory-preload.js", import.meta.url).href;

const logLevel = process.env["TEST_LOG_LEVEL"];

export class PoolProcess {
  readonly child: ChildProcess;
  readonly ready: ReadyProcess;

  private constructor(child: ChildProcess, ready: ReadyProcess) {
    this.child = child;
    this.ready = ready;
  }

  /** Waits, at most half a minute, until it serves. */
  static async start({ args, environment = {}, nodeArgs = [], prefix = [] }: ProcessOptions): Promise<PoolProcess> {
    const [program = "", ...rest] = [...prefix, process.execPath, ...nodeArgs, pomonaPath, ...args];
    const child = spawn(program, [...rest, "--log-level", logLevel ?? "fatal"], {
      stdio: ["ignore", logLevel === undefined ? "ignore" : "inherit", "inherit", "ipc"],
      env: { ...process.env, ...environment },
    });
    const signal = AbortSignal.timeout(30_000);
    const ended = once(child, "exit", { signal }).then(() => {
      throw new Error(`pomona ${args[0]} ended while it started`);
    });
    ended.catch(() => undefined);
    const [message] = await Promise.race([once(child, "message", { signal }), ended]).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
    // Of the command line's own making (cli/process-messages.ts).
    const told = message as ReadyProcess | { readonly kind: "failed"; readonly message: string };
    if ("message" in told) throw new Error(told.message);
    return new PoolProcess(child, told);
  }

  /** Of the process that serves, whatever it was started through. */
  get pid(): number {
    return this.ready.pid;
  }

  get isGone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.isGone) return;
    const exited = once(this.child, "exit");
    this.signal("SIGKILL");
    await exited;
  }

  async close(): Promise<void> {
    if (!this.isGone) this.signal("SIGCONT");
    await endProcess(this.child);
  }

  /** The letter of the kernel: T is stopped. */
  schedulingState(): string {
    return /\) (\w)/.exec(readFileSync(`/proc/${this.pid}/stat`, "latin1"))?.[1] ?? "";
  }

  /** Of a process with `memoryPreload`. */
  async memory(): Promise<Memory> {
    const residentBytes = this.#residentBytes();
    const question: MemoryQuestion = { asks: "heldBytes" };
    const answered = once(this.child, "message", { signal: AbortSignal.timeout(10_000) });
    this.child.send(question);
    const [answer] = await answered;
    // Of the preload's own making.
    return { ...(answer as MemoryAnswer), residentBytes };
  }

  #residentBytes(): number {
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "latin1"))?.[1] ?? Number.NaN);
  }
}
