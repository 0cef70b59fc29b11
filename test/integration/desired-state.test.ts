// What should run, in a pool of real processes: it outlives all of them, and edits are decided by revision.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { DeploymentRecord__Output } from "@pomona/proto/generated/pomona/v1/DeploymentRecord";
import type { Member__Output } from "@pomona/proto/generated/pomona/v1/Member";
import { pomona } from "@pomona/proto/load";
import { toPomonaError } from "@pomona/shared/core/errors";
import { type ClientMethod, callUnary, createClusterClient, readStream } from "@pomona/shared/grpc/client";
import { natsSkipReason, startTestNatsServer, type TestNatsServer } from "../support/nats-server.ts";
import { pomonaPath } from "../support/running-pool.ts";
import { type StartedProcess, startPomona } from "../support/started-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const timeoutMs = 15_000;
const directory = createTemporaryDirectory("desired");
const service = pomona.Cluster.service;
let nats: TestNatsServer;
let coordinator: StartedProcess;
let agents: StartedProcess[];
let client: ClusterClient;

before(async () => {
  if (skip !== false) return;
  nats = await startTestNatsServer();
  await startAll();
});

after(async () => {
  client?.close();
  await Promise.all([coordinator, ...(agents ?? [])].map((each) => each?.close()));
  await nats?.close();
  directory.remove();
});

function startCoordinator(name: string): Promise<StartedProcess> {
  const state = ["--state-dir", join(directory.path, name), "--cluster", "pool-test"];
  return startPomona(["coordinator", ...state, "--http-port", "0", "--nats-url", nats.url]);
}

async function startAll(): Promise<void> {
  coordinator = await startCoordinator("coordinator");
  const agent = (index: number): Promise<StartedProcess> => {
    const state = ["--state-dir", join(directory.path, `agent-${index}`)];
    return startPomona(["agent", ...state, "--peer", coordinator.grpc, "--engine", "simulated", "--budget", "1GB"]);
  };
  agents = await Promise.all([0, 1].map(agent));
  client?.close();
  client = createClusterClient(coordinator.grpc);
  await waitFor(async () => (await nodes()).length === 2, timeoutMs, "both nodes are known");
}

function call<Request, Response>(
  method: ClientMethod<Request, Response>,
  request: NoInfer<Request>,
  to: ClusterClient = client,
): Promise<Response> {
  return callUnary(to, method, { request, timeoutMs, signal: AbortSignal.timeout(timeoutMs) });
}

async function nodes(): Promise<Member__Output[]> {
  return (await call(service.ListNodes, {})).nodes;
}

async function deployments(from: ClusterClient = client): Promise<DeploymentRecord__Output[]> {
  return (await call(service.ListDeployments, {}, from)).deployments;
}

async function put(model: string, slots: number, expectedRevision?: number): Promise<DeploymentRecord__Output> {
  const deployment = { model, source: "builtin:tiny", slots };
  const expected = expectedRevision === undefined ? {} : { expectedRevision };
  const { record } = await call(service.PutDeployment, { deployment, ...expected });
  assert.ok(record !== null);
  return record;
}

/** Runs the command line against the pool. */
function run(words: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const args = [pomonaPath, ...words.split(" "), "--grpc", coordinator.grpc];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

async function done(words: string): Promise<string> {
  const { code, stdout, stderr } = await run(words);
  assert.equal(code, 0, `${words}: ${stderr}`);
  return stdout;
}

test("deployments and settings survive a crash of every process", { skip }, async () => {
  const record = await put("one", 3, 0);
  const [node] = await nodes();
  assert.ok(node !== undefined);
  const settings = { labels: ["room=office"], isCordoned: true, isDraining: false, reservedBytes: 1_000_000 };
  await call(service.PutNodeSettings, { nodeId: node.nodeId, settings, expectedRevision: 0 });
  await Promise.all([coordinator, ...agents].map((each) => each.kill()));
  await nats.kill();
  await nats.restart();
  await startAll();
  assert.deepEqual(await deployments(), [record]);
  const kept = (await nodes()).find(({ nodeId }) => nodeId === node.nodeId);
  assert.deepEqual([kept?.settings, kept?.settingsRevision], [settings, 1]);
});

test("of ten edits of one revision one wins, and nine are told conflict", { skip }, async () => {
  const { revision } = await put("contended", 1, 0);
  const edits = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) => put("contended", 2 + index, revision)),
  );
  const won = edits.flatMap((edit) => (edit.status === "fulfilled" ? [edit.value] : []));
  const codes = edits.flatMap((edit) => (edit.status === "rejected" ? [toPomonaError(edit.reason).code] : []));
  assert.deepEqual(codes, Array(9).fill("conflict"));
  assert.equal(won.length, 1);
  const kept = (await deployments()).find(({ deployment }) => deployment?.model === "contended");
  assert.deepEqual(kept, won[0]);
});

test("two coordinators of one pool know the same, and the slower edit of either is told", { skip }, async () => {
  const second = await startCoordinator("second");
  const other = createClusterClient(second.grpc);
  try {
    assert.deepEqual(await deployments(other), await deployments());
    const { revision: expectedRevision } = await put("shared", 1);
    await waitFor(async () => (await deployments(other)).length === (await deployments()).length, timeoutMs);
    const edits = [client, other].map((via, index) => {
      const deployment = { model: "shared", source: "builtin:tiny", slots: 5 + index };
      return call(service.PutDeployment, { deployment, expectedRevision }, via);
    });
    const outcomes = await Promise.allSettled(edits);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    await waitFor(async () => {
      const [mine, theirs] = [await deployments(), await deployments(other)];
      return JSON.stringify(mine) === JSON.stringify(theirs);
    }, timeoutMs);
  } finally {
    other.close();
    await second.close();
  }
});

test("without NATS what is kept is known even after a restart, and a NATS that lost all gets it back", {
  skip,
}, async () => {
  const before = (await deployments()).map(({ deployment }) => deployment);
  assert.ok(before.length >= 3);
  await nats.kill();
  await waitFor(async () => !(await call(service.GetStatus, {})).isNatsConnected, timeoutMs);
  await assert.rejects(put("one", 5), { code: "failed_precondition", message: /NATS.*try again/ });
  await Promise.all([coordinator, ...agents].map((each) => each.kill()));
  await startAll();
  assert.deepEqual(
    (await deployments()).map(({ deployment }) => deployment),
    before,
  );
  assert.equal((await nodes()).filter(({ settings }) => settings?.isCordoned).length, 1);
  await nats.restartEmpty();
  await waitFor(async () => (await call(service.GetStatus, {})).isNatsConnected, timeoutMs);
  const third = await startCoordinator("third");
  const other = createClusterClient(third.grpc);
  await waitFor(async () => (await deployments(other)).length === before.length, timeoutMs);
  assert.deepEqual(
    (await deployments(other)).map(({ deployment }) => deployment),
    before,
  );
  other.close();
  await third.close();
  assert.ok((await put("one", 5)).revision > 0);
});

test("events tell what was decided, the last ones first", { skip }, async () => {
  const controller = new AbortController();
  const texts: string[] = [];
  const events = readStream(client, service.WatchEvents, {
    request: { recent: 1000 },
    timeoutMs: null,
    signal: controller.signal,
    onMessage: ({ text }) => {
      texts.push(text);
    },
  });
  await waitFor(() => texts.some((text) => /^node [0-9a-f]{8} was suspect and is alive$/.test(text)), timeoutMs);
  const [node] = await nodes();
  await call(service.PutNodeSettings, { nodeId: node?.nodeId ?? "", settings: {} });
  await waitFor(() => texts.some((text) => text.includes("settings")), timeoutMs);
  controller.abort();
  await assert.rejects(events, { code: "cancelled" });
});

// Each command is a process of its own, so there are no more of them than it takes.
test("pomona models adds, changes, scales and removes", { skip }, async () => {
  assert.match(
    await done("models add qwen=builtin:tiny --min 0 --slots 2 --label fast"),
    /^added qwen: 0\.\. replicas/,
  );
  assert.match(
    await done("models add qwen --keep-alive 2h --pin --engine-option kvType=q8_0"),
    /^changed qwen.*pinned/,
  );
  assert.match(await done("models scale qwen 1..3"), /1\.\.3 replicas/);
  // The shape is what the next lines assert.
  const models = JSON.parse(await done("models --json")) as { name: string; deployment: DeploymentRecord__Output }[];
  const deployment = models.find(({ name }) => name === "qwen")?.deployment.deployment;
  assert.deepEqual(
    [deployment?.slots, deployment?.minReplicas, deployment?.maxReplicas, deployment?.isPinned, deployment?.labels],
    [2, 1, 3, true, ["fast"]],
  );
  assert.deepEqual([deployment?.keepAliveMs, deployment?.engine?.kvType], [7_200_000, "q8_0"]);
  assert.equal(await done("models rm qwen"), "removed qwen\n");
  const missing = await run("models unpin qwen");
  assert.deepEqual([missing.code, missing.stdout], [1, ""]);
  assert.match(missing.stderr, /no model "qwen" is deployed; there are: contended, one/);
  const digest = await run("models add q=https://models.example/q.gguf");
  assert.match(digest.stderr, /deployment\.digest is missing/);
  assert.equal(digest.code, 2);
});

test("pomona nodes drains, labels and reserves, and models plan loses, by the beginning of an id", {
  skip,
}, async () => {
  const [node] = await nodes();
  const id = node?.nodeId ?? "";
  const short = id.slice(0, 10);
  await call(service.PutNodeSettings, { nodeId: id, settings: {} });
  assert.match(await done(`nodes drain ${short}`), new RegExp(`^${id}: draining`));
  assert.match(await done(`nodes label ${short} fast room=attic`), /draining, labels fast room=attic/);
  assert.match(await done(`nodes reserve ${short} 100MB`), /100 MB kept free/);
  assert.match(await done("nodes"), new RegExp(`${id} .* draining, 100 MB kept free .*░.* fast room=attic`));
  const other = (await nodes()).find(({ nodeId }) => nodeId !== id)?.nodeId ?? "";
  const plan = await done(`models plan --lose ${short}`);
  assert.ok(plan.includes(other.slice(0, 8)), plan);
  const alive = await run(`nodes forget ${short}`);
  assert.deepEqual([alive.code, /only a dead node/.test(alive.stderr)], [1, true]);
});
