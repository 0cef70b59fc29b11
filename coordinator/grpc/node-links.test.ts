// The links against a node that is a real gRPC server on loopback and does what a test tells it to.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import type { NodeGenerateResponse } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { PomonaError } from "@pomona/shared/core/errors";
import { type Attempt, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import { type ResponseStream, streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import { type GrpcServer, startGrpcServer } from "@pomona/shared/grpc/server";
import { nodeStatusToWire } from "@pomona/shared/grpc/wire-status";
import { createLogger } from "@pomona/shared/runtime/logger";
import type { ClusterEvent } from "../core/event.ts";
import { statusOf } from "../core/test-pool.ts";
import { NodeLinks } from "./node-links.ts";

const nodeId = "a1".repeat(16);
const requestId = "c3".repeat(16);
const attempt: Attempt = {
  requestId,
  epoch: 1,
  replicaId: "r-1",
  promptTokenIds: [1],
  promptChunkLengths: [],
  emittedTokenIds: [],
  decoding: { ...defaultDecoding, maxTokens: 5 },
  ...endsUnread,
};

type Generate = (stream: ResponseStream<NodeGenerateResponse>) => Promise<void>;
const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** Starts a node; `port` 0 means any. */
async function startNode(port = 0, generate: Generate = (stream) => untilAborted(stream.signal)): Promise<GrpcServer> {
  const refuse = unaryHandler((): never => {
    throw new PomonaError("not_found", "not here");
  });
  const implementation = {
    WatchStatus: streamHandler(async (_request, stream) => {
      await stream.send({ status: nodeStatusToWire(statusOf(nodeId)) });
      await untilAborted(stream.signal);
    }),
    Generate: streamHandler((_request, stream) => generate(stream)),
    Attach: streamHandler(() => undefined),
    LoadReplica: unaryHandler((_request, { signal }) => untilAborted(signal).then(() => ({}))),
    Tokenize: refuse,
    Embed: refuse,
    Rank: refuse,
    UnloadReplica: refuse,
    ListReplicas: refuse,
  } satisfies Partial<NodeHandlers>;
  const services = [{ definition: pomona.Node.service, implementation }];
  return await startGrpcServer({ host: "127.0.0.1", port, services, packageDefinition });
}

/** Links whose events can be waited for. */
function linksOf(t: TestContext) {
  const events: ClusterEvent[] = [];
  const waiting = new Set<() => void>();
  const links = new NodeLinks({
    log: createLogger({ name: "test", level: "silent" }),
    term: { current: () => null, onSuperseded: () => undefined },
    onEvent: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
  });
  t.after(() => links.close());
  /** The first event of a kind from the n-th on. */
  const next = <Kind extends ClusterEvent["kind"]>(kind: Kind, deadlineMs = 10_000) =>
    new Promise<ClusterEvent & { kind: Kind }>((resolve, reject) => {
      const from = events.length;
      const look = (): void => {
        const found = events.slice(from).find((event) => event.kind === kind);
        if (found === undefined) return;
        clearTimeout(late);
        waiting.delete(look);
        // Its kind was just compared.
        resolve(found as ClusterEvent & { kind: Kind });
      };
      const late = setTimeout(() => reject(new Error(`no ${kind} within ${deadlineMs} ms`)), deadlineMs);
      waiting.add(look);
    });
  return { links, events, next };
}

test("a link says heartbeat, then up, and down when the node dies", async (t) => {
  const node = await startNode();
  const { links, events, next } = linksOf(t);
  const up = next("linkUp");
  links.connect(nodeId, node.address);
  await up;
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["heartbeat", "linkUp"],
  );
  const down = next("linkDown", 500);
  await node.close(0);
  await down;
});

test("a node that is away is tried every 2 s at least, however long it takes, and is up at its next answer", async (t) => {
  const first = await startNode();
  const { links, next } = linksOf(t);
  const up = next("linkUp");
  links.connect(nodeId, first.address);
  await up;
  const down = next("linkDown");
  await first.close(0);
  await down;
  // Six tries: by then the waits that a gRPC channel makes by itself would be longer than 3 s.
  const gapsMs = await gapsOfTries(first.port, 6);
  assert.ok(Math.max(...gapsMs) < 2900, `tried after ${gapsMs.map(Math.round)} ms`);
  const back = next("linkUp", 10_000);
  const second = await startNode(first.port);
  t.after(() => second.close(0));
  await back;
});

/** Takes a node's port and hangs up on whoever comes; the times between their coming. */
async function gapsOfTries(port: number, tries: number): Promise<number[]> {
  const atMs: number[] = [];
  const server = createServer((socket) => {
    socket.destroy();
    atMs.push(performance.now());
    if (atMs.length > tries) server.close();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "close", { signal: AbortSignal.timeout(60_000) });
  return atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? ms));
}

test("an address that is discovered is asked until a node answers there", async (t) => {
  const placeholder = await startNode();
  await placeholder.close(0);
  const { links, next } = linksOf(t);
  const heartbeat = next("heartbeat");
  links.discover(placeholder.address);
  const node = await startNode(placeholder.port);
  t.after(() => node.close(0));
  const { status, address } = await heartbeat;
  assert.equal(status.nodeId, nodeId);
  assert.equal(address, node.address);
});

test("another node at a known address is no link", async (t) => {
  const node = await startNode();
  t.after(() => node.close(0));
  const { links, events, next } = linksOf(t);
  const heartbeat = next("heartbeat");
  links.connect("b2".repeat(16), node.address);
  assert.equal((await heartbeat).status.nodeId, nodeId);
  assert.ok(events.every(({ kind }) => kind !== "linkUp"));
});

test("a load whose link is replaced failed with the node, not with the model", async (t) => {
  const [here, there] = [await startNode(), await startNode()];
  t.after(() => Promise.all([here.close(0), there.close(0)]));
  const { links, next } = linksOf(t);
  const up = next("linkUp");
  links.connect(nodeId, here.address);
  await up;
  const failed = next("loadFailed");
  const spec = {
    model: "m",
    source: "/m",
    slots: 1,
    contextLength: null,
    engine: defaultEngineOptions,
    ...loadedInPlace,
  };
  void links.loadReplica(nodeId, "r-1", spec);
  links.connect(nodeId, there.address);
  assert.equal((await failed).failure.code, "node_lost");
});

test("frames of the own attempt pass; one of another, and one that is none, lose the attempt", async (t) => {
  const own = { requestId, epoch: 1, frame: "tokens", tokens: { firstIndex: 0, ids: [5], texts: [Buffer.from("x")] } };
  const strange = [
    { ...own, requestId: "d4".repeat(16) },
    { ...own, epoch: 2 },
    { ...own, tokens: { firstIndex: 0, ids: [5, 6], texts: [Buffer.from("x")] } },
  ];
  for (const message of strange) {
    const node = await startNode(0, async (stream) => {
      // The message is of the wire's own type but for the literal of its oneof.
      await stream.send(own as NodeGenerateResponse);
      await stream.send(message as NodeGenerateResponse);
      await untilAborted(stream.signal);
    });
    const { links, events, next } = linksOf(t);
    const up = next("linkUp");
    links.connect(nodeId, node.address);
    await up;
    const failed = next("attemptFailed");
    links.startAttempt(nodeId, attempt);
    assert.equal((await failed).failure.code, "node_lost");
    assert.equal(events.filter(({ kind }) => kind === "frame").length, 1);
    await node.close(0);
  }
});

test("cancelling an attempt reaches the node", async (t) => {
  let reached = (): void => undefined;
  const cancelled = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let begin = (): void => undefined;
  const began = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const node = await startNode(0, async (stream) => {
    begin();
    await untilAborted(stream.signal);
    reached();
  });
  t.after(() => node.close(0));
  const { links, next } = linksOf(t);
  const up = next("linkUp");
  links.connect(nodeId, node.address);
  await up;
  links.startAttempt(nodeId, attempt);
  await began;
  links.cancelAttempt({ kind: "cancelAttempt", nodeId, requestId, epoch: 1 });
  await cancelled;
});

test("an attempt on a node without a link fails with node_lost, after the effects of its step", async (t) => {
  const { links, events, next } = linksOf(t);
  const failed = next("attemptFailed");
  links.startAttempt(nodeId, attempt);
  assert.equal(events.length, 0);
  assert.equal((await failed).failure.code, "node_lost");
});
