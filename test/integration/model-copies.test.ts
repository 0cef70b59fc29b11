// A model of a hub in a pool of real processes: a variant is chosen, fetched once, and copied from node to node.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { GetStatusResponse__Output } from "@pomona/proto/generated/pomona/v1/GetStatusResponse";
import { pomona } from "@pomona/proto/load";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { callUnary, createClusterClient } from "@pomona/shared/grpc/client";
import { type ModelHub, startModelHub } from "../support/model-hub.ts";
import { natsSkipReason, startTestNatsServer, type TestNatsServer } from "../support/nats-server.ts";
import { pomonaPath } from "../support/running-pool.ts";
import { type StartedProcess, startPomona } from "../support/started-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const settleMs = 60_000;
const directory = createTemporaryDirectory("copies");
const small = writeGguf(randomModel("25m", "Q4_0"));
const large = writeGguf(randomModel("135m", "Q8_0"));
let hub: ModelHub;
let nats: TestNatsServer;
let coordinator: StartedProcess;
const agents: StartedProcess[] = [];
let client: ClusterClient;

before(async () => {
  if (skip !== false) return;
  hub = await startModelHub(
    new Map([
      ["model-Q4_0.gguf", small],
      ["model-Q8_0.gguf", large],
    ]),
  );
  process.env["POMONA_HF_ENDPOINT"] = hub.url;
  nats = await startTestNatsServer();
  const state = ["--state-dir", join(directory.path, "coordinator")];
  coordinator = await startPomona(["coordinator", ...state, "--http-port", "0", "--nats-url", nats.url]);
  client = createClusterClient(coordinator.grpc);
});

after(async () => {
  delete process.env["POMONA_HF_ENDPOINT"];
  client?.close();
  await Promise.all([coordinator, ...agents].map((each) => each?.close()));
  await nats?.close();
  await hub?.close();
  directory.remove();
});

async function startAgent(): Promise<StartedProcess> {
  const state = ["--state-dir", join(directory.path, `agent-${agents.length}`)];
  // Room for the small variant, not for the large one.
  const agent = await startPomona([
    "agent",
    ...state,
    "--peer",
    coordinator.grpc,
    "--budget",
    "190MB",
    "--threads",
    "1",
  ]);
  agents.push(agent);
  return agent;
}

function status(): Promise<GetStatusResponse__Output> {
  const signal = AbortSignal.timeout(10_000);
  return callUnary(client, pomona.Cluster.service.GetStatus, { request: {}, timeoutMs: 10_000, signal });
}

/** Nodes that have verified the file. */
async function holders(digest: string): Promise<number> {
  const { nodes } = await status();
  const has = nodes.filter(({ status: own }) =>
    own?.files.some((file) => file.digest === digest && file.state === "verified"),
  );
  return has.length;
}

const run = promisify(execFile);

test("the largest variant that fits is chosen, fetched once from the hub, and copied to a second node", {
  skip,
}, async (context) => {
  await startAgent();
  await startAgent();
  await waitFor(async () => (await status()).nodes.length === 2, settleMs, "both nodes are known");
  const add = ["models", "add", "m=hf:owner/repo", "--grpc", coordinator.grpc, "--slots", "1", "--context", "256"];
  await run(process.execPath, [pomonaPath, ...add, "--max", "1"]);
  const digest = createHash("sha256").update(small).digest("hex");
  await waitFor(async () => (await holders(digest)) === 2, settleMs, "two nodes have the file");
  await waitFor(async () => (await status()).models[0]?.state === "ready", settleMs, "the model is ready");
  const { models } = await status();
  assert.equal(models[0]?.survivesNodeLoss, true);
  // The headers are read before anything is fetched, by one node.
  const sent = hub.sentBytes.get("model-Q4_0.gguf") ?? 0;
  assert.ok(sent < 1.3 * small.length, `${sent} bytes of ${small.length} came from the hub`);
  assert.ok((hub.sentBytes.get("model-Q8_0.gguf") ?? 0) < 0.2 * large.length, "nothing else was fetched");
  const { stdout } = await run(process.execPath, [pomonaPath, "models", "plan", "--grpc", coordinator.grpc]);
  assert.match(stdout, /Q4_0 \(\d+ MB\) is the largest that one node can hold/);
  context.diagnostic(`${sent} bytes from the hub for two copies of ${small.length}`);
});

test("a node that joins answers from the copy of another when that one is killed, without the hub", {
  skip,
}, async () => {
  await hub.close();
  const { nodes } = await status();
  const serving = nodes.find(({ status: own }) => own?.replicas.some(({ state }) => state === "REPLICA_STATE_READY"));
  const agent = agents.find(({ id }) => id === serving?.nodeId);
  assert.ok(agent !== undefined);
  await agent.kill();
  const response = await fetch(`${coordinator.http}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", prompt: "hello", max_tokens: 2 }),
    signal: AbortSignal.timeout(settleMs),
  });
  assert.equal(response.status, 200, await response.text());
  assert.notEqual(response.headers.get("x-pomona-node"), agent.id);
  // After the grace the copy that was lost is made again, on a node that has just come.
  await startAgent();
  const digest = createHash("sha256").update(small).digest("hex");
  const alive = async (): Promise<boolean> => (await holders(digest)) >= 3;
  await waitFor(alive, 3 * settleMs, "a new node has a copy beside the one that was lost");
});
