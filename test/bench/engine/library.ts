// The raw library with its default batching, in a process of its own.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { killAtExit } from "./cleanup.ts";
import type { BenchRequest, Contender } from "./contender.ts";

const childPath = fileURLToPath(new URL("./library-child.js", import.meta.url));

/** `request` counts from 1. */
export type ToLibrary = BenchRequest & { readonly request: number };
export type FromLibrary =
  | { readonly kind: "ready" }
  | { readonly kind: "token"; readonly request: number; readonly generated: number }
  | { readonly kind: "done"; readonly request: number };

type Waiting = {
  readonly onTokens: (generated: number) => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

export async function startLibrary(modelPath: string): Promise<Contender> {
  const child = fork(childPath, [modelPath], { serialization: "advanced" });
  const { pid } = child;
  if (pid === undefined) throw new Error("the library's process could not be started");
  const forget = killAtExit(pid);
  const waiting = new Map<number, Waiting>();
  const exited = once(child, "exit");
  await untilReady(child, exited);
  // Only our own child sends on this channel.
  child.on("message", (message) => receive(message as FromLibrary, waiting));
  child.once("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("the library's process ended"));
  });
  let requests = 0;
  return {
    name: "node-llama-cpp",
    pid,
    generate: (request, onTokens) => {
      requests += 1;
      const message: ToLibrary = { ...request, request: requests };
      return new Promise((resolve, reject) => {
        waiting.set(message.request, { onTokens, resolve, reject });
        child.send(message);
      });
    },
    close: async () => {
      child.kill("SIGKILL");
      await exited;
      forget();
    },
  };
}

async function untilReady(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const gone = exited.then(() => Promise.reject(new Error("the library's process ended before it was ready")));
  gone.catch(() => undefined);
  await Promise.race([once(child, "message"), gone]);
}

function receive(message: FromLibrary, waiting: Map<number, Waiting>): void {
  if (message.kind === "ready") return;
  const request = waiting.get(message.request);
  if (message.kind === "token") {
    request?.onTokens(message.generated);
    return;
  }
  waiting.delete(message.request);
  request?.resolve();
}
