// What the command line says of a wrong set-up, and random bytes at every port.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hasProgram } from "../support/programs.ts";
import { pomonaPath, startPool } from "../support/running-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = hasProgram("nats-server") ? false : "needs nats-server";

type Ended = { readonly code: number | null; readonly stderr: string };

/** Runs `pomona` to its end, at most 30 s. */
async function pomona(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [pomonaPath, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const force = setTimeout(() => child.kill("SIGKILL"), 30_000);
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = await once(child, "close");
  clearTimeout(force);
  return { code: typeof code === "number" ? code : null, stderr };
}

function withFolder(t: { after: (done: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), "pomona-bad-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a named port that is taken is one line with the port, and exit code 1", { skip }, async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const ended = await pomona(["up", "--http-port", String(port), "--grpc-port", "0", "--state-dir", withFolder(t)]);
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, new RegExp(`${port}`));
  assert.doesNotMatch(ended.stderr, /\n\s+at /, "no stack trace");
});

test("a state directory that cannot be written is one line with the path, and exit code 1", { skip }, async (t) => {
  const file = join(withFolder(t), "a-file");
  writeFileSync(file, "");
  const ended = await pomona(["up", "--state-dir", join(file, "state")]);
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, /a-file/);
  assert.doesNotMatch(ended.stderr, /\n\s+at /, "no stack trace");
});

test("a bind beyond loopback is refused without --insecure, with exit code 2", { skip }, async (t) => {
  const ended = await pomona(["up", "--host", "0.0.0.0", "--state-dir", withFolder(t)]);
  assert.equal(ended.code, 2, ended.stderr);
  assert.match(ended.stderr, /--insecure/);
});

test("an unknown flag is wrong usage, exit code 2, and a coordinator that is away is exit code 3", async () => {
  assert.equal((await pomona(["up", "--no-such-flag"])).code, 2);
  assert.equal((await pomona(["status", "--grpc", "127.0.0.1:1"])).code, 3);
});

test("a second agent with the same state directory is refused, and the first one is unaffected", {
  skip,
}, async (t) => {
  const pool = await startPool(["--nodes", "1"]);
  t.after(() => pool.close());
  const stateDir = pool.nodes[0]?.stateDir ?? "";
  const ended = await pomona(["agent", "--state-dir", stateDir, "--peer", pool.grpc, "--grpc-port", "0"]);
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, new RegExp(`${pool.nodes[0]?.pid}`));
  assert.equal((await fetch(`${pool.http}/readyz`)).status, 200);
});

test("a file that is no GGUF fails its model with the reason, and the rest of the pool answers", {
  skip,
}, async (t) => {
  const path = join(withFolder(t), "page.gguf");
  writeFileSync(path, "<html>not a model</html>".repeat(100));
  const pool = await startPool(["--nodes", "1", "--model", "tiny=builtin:tiny", "--model", path]);
  t.after(() => pool.close());
  const ask = (model: string): Promise<Response> =>
    fetch(`${pool.http}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, prompt: "a", max_tokens: 3 }),
    });
  const refused = await ask("page");
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /GGUF/);
  assert.equal((await ask("tiny")).status, 200);
});

test("random bytes at every port end no process", { skip }, async (t) => {
  const pool = await startPool(["--nodes", "1"]);
  t.after(() => pool.close());
  const natsUrl = typeof pool.nats === "string" ? pool.nats : pool.nats.url;
  const ports = [pool.http, pool.grpc, pool.nodes[0]?.grpc ?? "", natsUrl].map((url) =>
    Number(/:(\d+)\/?$/.exec(url)?.[1]),
  );
  for (const port of ports) {
    for (let round = 0; round < 20; round += 1) await sendGarbage(port);
  }
  assert.equal((await fetch(`${pool.http}/healthz`)).status, 200);
  await waitFor(async () => (await fetch(`${pool.http}/readyz`)).status === 200, 10_000, "the pool to be ready");
  for (const { pid } of pool.nodes) process.kill(pid, 0);
});

function sendGarbage(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.end(randomBytes(4096));
      setTimeout(() => socket.destroy(), 50);
    });
    // Being cut off is what a port should do with this.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
}
