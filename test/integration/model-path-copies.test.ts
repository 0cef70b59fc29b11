// A model at a path that means something on one node only: its copy elsewhere answers when that node is away, also for a
// coordinator that has just been started.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { keyedModel } from "@pomona/shared/core/gguf/keyed-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { natsSkipReason, startTestNatsServer } from "../support/nats-server.ts";
import { type StartedProcess, startPomona } from "../support/started-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

const settleMs = 60_000;
const directory = createTemporaryDirectory("path-copies");
const running: { close(): Promise<void> }[] = [];

after(async () => {
  for (const each of running.reverse()) await each.close();
  directory.remove();
});

async function start(args: readonly string[]): Promise<StartedProcess> {
  const started = await startPomona(args);
  running.push(started);
  return started;
}

/** Paths below /proc/self/cwd mean something else in each folder that a node is started in. */
async function startAgentIn(name: string, peer: string): Promise<StartedProcess> {
  const here = process.cwd();
  const folder = join(directory.path, name);
  mkdirSync(folder, { recursive: true });
  process.chdir(folder);
  try {
    const engine = ["--engine", "simulated", "--budget", "1GB"];
    return await start(["agent", "--state-dir", join(folder, "state"), "--peer", peer, ...engine]);
  } finally {
    process.chdir(here);
  }
}

async function get(url: string): Promise<string> {
  return await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text();
}

test("the copy of a path answers for it while its node is away, after a restart of the coordinator too", {
  skip: process.platform === "linux" ? natsSkipReason : "needs /proc",
}, async () => {
  const bytes = writeGguf(keyedModel());
  const digest = createHash("sha256").update(bytes).digest("hex");
  mkdirSync(join(directory.path, "has it"));
  writeFileSync(join(directory.path, "has it", "keyed.gguf"), bytes);
  const nats = await startTestNatsServer();
  running.push(nats);
  const state = ["--state-dir", join(directory.path, "coordinator"), "--http-port", "0", "--nats-url", nats.url];
  const first = await start(["coordinator", ...state]);
  const home = await startAgentIn("has it", first.grpc);
  const other = await startAgentIn("copies it", first.grpc);
  const put = await fetch(`${first.http}/cluster/v1/deployments/keyed`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ source: "/proc/self/cwd/keyed.gguf", minReplicas: 1, maxReplicas: 1 }),
  });
  assert.equal(put.status, 200, await put.text());
  const hasCopy = async (): Promise<boolean> => {
    const { nodes } = JSON.parse(await get(`${first.http}/cluster/v1/nodes`));
    const files = nodes.find(({ nodeId }: { nodeId: string }) => nodeId === other.id)?.status?.files ?? [];
    return files.some((file: { digest: string; state: string }) => file.digest === digest && file.state === "verified");
  };
  await waitFor(hasCopy, settleMs, "the other node has a copy");
  const isKept = async (): Promise<boolean> => (await get(`${first.http}/cluster/v1/deployments`)).includes(digest);
  await waitFor(isKept, settleMs, "what lies at the path is kept with the deployment");
  await Promise.all([home.kill(), first.kill()]);
  const second = await start(["coordinator", ...state]);
  const answer = async (): Promise<Response> =>
    await fetch(`${second.http}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "keyed", prompt: "hello", max_tokens: 2 }),
      signal: AbortSignal.timeout(settleMs),
    });
  let node = "";
  await waitFor(
    async () => {
      const response = await answer();
      await response.text();
      node = response.headers.get("x-pomona-node") ?? "";
      return response.status === 200;
    },
    settleMs,
    "an answer",
  );
  assert.equal(node, other.id);
});
