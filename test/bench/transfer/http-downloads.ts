// What anybody would do without a pool: every node downloads the file from one node:http server.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { endProcess } from "../../support/running-pool.ts";

const program = fileURLToPath(new URL("http-process.js", import.meta.url));

type Told = { readonly port?: number; readonly digest?: string };

async function start(args: readonly string[]): Promise<{ readonly child: ChildProcess; readonly told: Told }> {
  const child = fork(program, args);
  const [told] = await once(child, "message");
  // The program is ours.
  return { child, told: told as Told };
}

export type Download = {
  readonly path: string;
  readonly digest: string;
  readonly folder: string;
  readonly count: number;
  /** Bytes that streams of files hold; 0 is what Node gives them. */
  readonly bufferBytes: number;
};

/** Milliseconds until `count` processes have the file at the same time, hashed and written. */
export async function downloadByHttp({ path, digest, folder, count, bufferBytes }: Download): Promise<number> {
  const server = await start(["serve", String(bufferBytes), path]);
  const targets = Array.from({ length: count }, (_, index) => join(folder, `http-${index}`));
  const clients = await Promise.all(
    targets.map((target) => start(["download", String(bufferBytes), String(server.told.port), target])),
  );
  const startedAtMs = performance.now();
  const found = await Promise.all(
    clients.map(async ({ child }) => {
      const told = once(child, "message");
      child.send("go");
      const [{ digest: got }] = (await told) as [Told];
      return got;
    }),
  );
  const ms = performance.now() - startedAtMs;
  await Promise.all([server, ...clients].map(({ child }) => endProcess(child)));
  for (const target of targets) rmSync(target);
  if (found.some((got) => got !== digest)) throw new Error("a download is not the file");
  return ms;
}
