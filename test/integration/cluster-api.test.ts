// The cluster API over a real socket: desired state in an in-memory NATS, one node, a plan of the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultCoreConfig } from "@pomona/coordinator/core/core-config";
import { step } from "@pomona/coordinator/core/step";
import { statusOf } from "@pomona/coordinator/core/test-pool";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { ask, errorOf, type Served, serve } from "../support/http-front.ts";
import { waitFor } from "../support/wait-for.ts";

const nodeId = "a1".repeat(16);
type Json = Record<string, unknown>;

function send({ url }: Served, path: string, init: RequestInit & { json?: unknown } = {}): Promise<Response> {
  const { json, ...rest } = init;
  const body = json === undefined ? {} : { body: JSON.stringify(json), method: "PUT" };
  const headers = { ...(json === undefined ? {} : { "content-type": "application/json" }), ...rest.headers };
  return fetch(`${url}/cluster/v1${path}`, { ...body, ...rest, headers, signal: AbortSignal.timeout(10_000) });
}

async function jsonOf(response: Response): Promise<Json> {
  assert.equal(response.status, 200, await response.clone().text());
  // The shape is what is asserted next.
  return (await response.json()) as Json;
}

function addNode({ state }: FakeCluster): void {
  const heartbeat = { kind: "heartbeat", status: statusOf(nodeId), address: "192.0.2.7:8486" } as const;
  step(heartbeat, { state, nowMs: performance.now(), config: defaultCoreConfig });
}

test("a deployment is put with defaults, read with its revision, edited by it, and removed", async (t) => {
  const served = await serve(t);
  const path = "/deployments/org/qwen:7b";
  const put = await send(served, path, { json: { source: "/models/q.gguf", minReplicas: 0, labels: ["fast"] } });
  assert.equal(put.headers.get("etag"), '"1"');
  const record = await jsonOf(put);
  const deployment = record["deployment"] as Json;
  const { slots, minReplicas, maxReplicas, availability, keepAliveMs, labels } = deployment;
  assert.deepEqual([slots, minReplicas, maxReplicas, availability], [4, 0, 0, 2]);
  assert.deepEqual([keepAliveMs, labels, record["pinned"]], [1_800_000, ["fast"], null]);
  assert.deepEqual(await jsonOf(await send(served, path)), record);
  assert.deepEqual(await jsonOf(await send(served, "/deployments")), { deployments: [record] });
  // What was read can be put.
  const edited = await send(served, path, { json: { ...deployment, slots: 2 }, headers: { "if-match": '"1"' } });
  assert.equal(edited.headers.get("etag"), '"2"');
  const late = await send(served, path, { json: { ...deployment, expectedRevision: 1 } });
  assert.equal(late.status, 409);
  assert.deepEqual(await errorOf(late), {
    message: "somebody else has changed this deployment meanwhile, it has revision 2 now: read it again",
    type: "invalid_request_error",
    param: null,
    code: "conflict",
  });
  const again = await send(served, path, { json: deployment, headers: { "if-none-match": "*" } });
  assert.equal((await errorOf(again)).code, "conflict");
  const wrong = await send(served, path, { method: "DELETE", headers: { "if-match": "1" } });
  assert.equal(wrong.status, 409);
  assert.equal((await send(served, path, { method: "DELETE", headers: { "if-match": "2" } })).status, 204);
  assert.equal((await send(served, path)).status, 404);
  assert.equal((await send(served, path, { method: "DELETE" })).status, 404);
});

test("a body that is wrong is refused with the field in the words of the body", async (t) => {
  const served = await serve(t);
  const source = "builtin:tiny";
  const cases: readonly (readonly [object, string, RegExp])[] = [
    [{ source, keepAliveMs: 1 }, "keepAliveMs", /keepAliveMs must be a number from 1000/],
    [{ source, contextLength: 3 }, "contextLength", /^contextLength must/],
    [{ source: "tiny.gguf" }, "source", /must be builtin:tiny, an absolute path/],
    [{ source: "https://host/a.gguf" }, "digest", /SHA-256/],
    [{}, "source", /source/],
    [{ source, slots: -1 }, "slots", /slots/],
    [{ source, slots: "4" }, "slots", /expected number/],
    [{ source, model: "other" }, "model", /path/],
    [{ source, colour: "red" }, "colour", /not a field/],
    [{ source, engine: { batchSize: 1 } }, "engine.batchSize", /batchSize/],
    [{ source, engine: { fast: true } }, "engine.fast", /not a field/],
    [{ source, labels: ["a b"] }, "labels", /room=office/],
  ];
  for (const [json, param, message] of cases) {
    const response = await send(served, "/deployments/m", { json });
    assert.equal(response.status, 400, JSON.stringify(json));
    const error = await errorOf(response);
    assert.equal(error.param, param);
    assert.match(error.message, message);
  }
  const headers = { "if-match": "soon" };
  const header = await errorOf(await send(served, "/deployments/m", { json: { source }, headers }));
  assert.equal(header.param, "if-match");
  assert.equal((await errorOf(await send(served, "/deployments/..x", { json: { source } }))).param, "model");
});

test("nodes are listed with their settings, which are set by revision", async (t) => {
  const served = await serve(t);
  addNode(served.cluster);
  const path = `/nodes/${nodeId}`;
  const before = await jsonOf(await send(served, path));
  assert.deepEqual(
    [before["nodeId"], before["grpcAddress"], before["settingsRevision"]],
    [nodeId, "192.0.2.7:8486", 0],
  );
  const settings = { labels: ["room=office"], isCordoned: false, isDraining: true, reservedBytes: 4_000_000_000 };
  const put = await send(served, `${path}/settings`, { json: settings, headers: { "if-match": "0" } });
  assert.deepEqual(await jsonOf(put), { nodeId, settings, revision: 1 });
  const { nodes } = (await jsonOf(await send(served, "/nodes"))) as { nodes: Json[] };
  assert.deepEqual(nodes[0]?.["settings"], settings);
  assert.equal(nodes[0]?.["state"], "MEMBER_STATE_DRAINING");
  const late = await send(served, `${path}/settings`, { json: settings, headers: { "if-match": "0" } });
  assert.equal(late.status, 409);
  const unknown = await send(served, `/nodes/${"0".repeat(32)}/settings`, { json: settings });
  assert.equal((await errorOf(unknown)).code, "not_found");
  assert.equal((await errorOf(await send(served, path, { method: "DELETE" }))).code, "failed_precondition");
  const member = served.cluster.state.members.get(nodeId);
  assert.ok(member !== undefined);
  member.state = "dead";
  assert.equal((await send(served, path, { method: "DELETE" })).status, 204);
  assert.equal((await send(served, path)).status, 404);
});

test("the state, a request and a plan are the messages of the service", async (t) => {
  const served = await serve(t);
  addNode(served.cluster);
  const state = await jsonOf(await send(served, "/state"));
  assert.deepEqual([state["cluster"], state["isReady"], state["isNatsConnected"]], ["pool-test", true, true]);
  assert.equal((state["nodes"] as Json[]).length, 1);
  assert.equal((await errorOf(await send(served, `/requests/${"0".repeat(32)}`))).code, "not_found");
  const named = await errorOf(await send(served, "/requests/nonsense"));
  assert.deepEqual([named.code, named.param], ["invalid_request", "requestId"]);
  const json = { deployments: [{ model: "m", source: "builtin:tiny" }], removedModels: ["old"], lostNodes: [nodeId] };
  assert.deepEqual(await jsonOf(await send(served, "/plan", { method: "POST", json })), { nodes: [], models: [] });
  const [plan] = served.cluster.plans;
  assert.deepEqual([plan?.deployments[0]?.slots, plan?.removedModels, plan?.lostNodes], [4, ["old"], [nodeId]]);
  const wrong = await errorOf(await send(served, "/plan", { method: "POST", json: { lostNodes: ["x"] } }));
  assert.equal(wrong.param, "lostNodes");
});

test("events come as they happen, and what was missed comes first", async (t) => {
  const served = await serve(t, { limits: { commentEveryMs: 50 } });
  const { events } = served.cluster;
  for (const model of ["a", "b", "c"]) events.add({ kind: "loadFailed", nodeId, model, code: "x", message: "no" }, 5);
  const read = async (path: string, headers: Record<string, string> = {}) => {
    const response = await ask(served.port, {
      path: `/cluster/v1/events${path}`,
      headers: { host: "127.0.0.1", ...headers },
    });
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    t.after(() => response.destroy());
    return { response, text: () => text, ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)) };
  };
  const fresh = await read("");
  const recent = await read("?recent=1");
  const returned = await read("", { "last-event-id": "1" });
  assert.equal(fresh.response.headers["content-type"], "text/event-stream; charset=utf-8");
  await waitFor(() => fresh.text().includes(": waiting"), 5000);
  events.add({ kind: "memberForgotten", nodeId }, 6);
  await waitFor(() => [fresh, recent, returned].every(({ ids }) => ids().includes(4)), 5000);
  assert.deepEqual([fresh.ids(), recent.ids(), returned.ids()], [[4], [3, 4], [2, 3, 4]]);
  const data = fresh.text().match(/^data: (.*)$/m)?.[1] ?? "";
  const text = "node a1a1a1a1 was forgotten";
  assert.deepEqual(JSON.parse(data), { number: 4, atMs: 6, kind: "memberForgotten", nodeId, model: "", text });
  assert.equal((await errorOf(await send(served, "/events?recent=all"))).param, "recent");
});

test("while NATS is away what is kept can be read, and an edit says why it cannot be made", async (t) => {
  const served = await serve(t);
  await send(served, "/deployments/m", { json: { source: "builtin:tiny" } });
  served.cluster.nats.stop();
  assert.equal(((await jsonOf(await send(served, "/deployments")))["deployments"] as Json[]).length, 1);
  const response = await send(served, "/deployments/m", { json: { source: "builtin:tiny" } });
  assert.equal(response.status, 409);
  const { code, message } = await errorOf(response);
  assert.equal(code, "failed_precondition");
  assert.match(message, /NATS.*try again when NATS is back/);
});

test("other methods are named, and other sites kept out", async (t) => {
  const served = await serve(t);
  const cases: readonly (readonly [string, string, string])[] = [
    ["POST", "/deployments/m", "GET, HEAD, PUT, DELETE"],
    ["PUT", "/deployments", "GET, HEAD"],
    ["POST", `/nodes/${nodeId}/settings`, "PUT"],
    ["GET", "/plan", "POST"],
    ["DELETE", "/events", "GET"],
  ];
  for (const [method, path, allow] of cases) {
    const response = await send(served, path, { method });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, allow], `${method} ${path}`);
  }
  const headers = { origin: "https://evil.example" };
  const foreign = await send(served, "/deployments/m", { json: { source: "builtin:tiny" }, headers });
  assert.equal((await errorOf(foreign)).code, "forbidden_origin");
});
