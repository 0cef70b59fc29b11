// Attempts over a line that is slow and breaks, against a node that is a real gRPC server on loopback.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { type Attempt, type AttemptFrame, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";
import { streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import { startGrpcServer } from "@pomona/shared/grpc/server";
import { attemptFrameToWire } from "@pomona/shared/grpc/wire";
import { nodeStatusToWire } from "@pomona/shared/grpc/wire-status";
import { createLogger } from "@pomona/shared/runtime/logger";
import type { ClusterEvent } from "../core/event.ts";
import { ending, statusOf, tokens } from "../core/test-pool.ts";
import { NodeLinks } from "./node-links.ts";

const nodeId = "a1".repeat(16);
const requestId = "c3".repeat(16);
const attempt: Attempt = {
  ...{ requestId, epoch: 1, replicaId: "r-1", promptTokenIds: [1], promptChunkLengths: [], emittedTokenIds: [] },
  ...{ decoding: { ...defaultDecoding, maxTokens: 5 }, ...endsUnread },
};
/** Each way. A connection and a call over it take two round trips here: more than the 300 ms of a fast line. */
const delayMs = 120;

async function waitUntil(isSo: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + 10_000; !isSo(); await delay(10))
    assert.ok(performance.now() < untilMs, "it did not happen within 10 s");
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Sends one token, and the rest to whoever attaches. Tokenizes only when it is asked for the second time. */
async function startNode(t: TestContext, asked: { count: number }): Promise<number> {
  const sent = (frame: AttemptFrame) => attemptFrameToWire({ requestId, epoch: 1, frame });
  const implementation = {
    WatchStatus: streamHandler(async (_request, stream) => {
      await stream.send({ status: nodeStatusToWire(statusOf(nodeId)) });
      await untilAborted(stream.signal);
    }),
    Generate: streamHandler(async (_request, stream) => {
      await stream.send(sent(tokens(0, [5])));
      await untilAborted(stream.signal);
    }),
    Attach: streamHandler(async ({ fromIndex }, stream) => {
      assert.equal(fromIndex, 1);
      await stream.send({ request: null, response: sent(tokens(1, [6])) });
      await stream.send({ request: null, response: sent(ending("stop", 2)) });
    }),
    Tokenize: unaryHandler(async (_wire, { signal }) => {
      asked.count += 1;
      if (asked.count === 1) await untilAborted(signal);
      const form = { startsInReasoning: false, callFormat: "none", thoughts: "none", thinking: "never" };
      return { tokenIds: [7], stop: [], tokensLeftOut: 0, sharedTokens: 0, ...form };
    }),
    KeepAttempts: unaryHandler(() => ({})),
    CancelAttempt: unaryHandler(() => ({})),
  } satisfies Partial<NodeHandlers>;
  const services = [{ definition: pomona.Node.service, implementation }];
  const server = await startGrpcServer({ host: "127.0.0.1", port: 0, services, packageDefinition });
  t.after(() => server.close(0));
  return server.port;
}

/** A line to a port of this machine on which everything takes its time, and which can be reset. */
async function startLine(t: TestContext, port: number): Promise<{ address: string; reset: () => void }> {
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), delayMs));
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    pass(near, far);
    pass(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const reset = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  t.after(() => {
    reset();
    server.close();
  });
  // A server that listens on a port has such an address.
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, reset };
}

test("what is under way on a slow line goes on over a new connection", { timeout: 30_000 }, async (t) => {
  const asked = { count: 0 };
  const { address, reset } = await startLine(t, await startNode(t, asked));
  const events: ClusterEvent[] = [];
  let look = (): void => undefined;
  const links = new NodeLinks({
    log: createLogger({ name: "test", level: "silent" }),
    term: { current: () => null, onSuperseded: () => undefined },
    onEvent: (event) => {
      events.push(event);
      look();
    },
  });
  t.after(() => links.close());
  const first = (isWanted: (event: ClusterEvent) => boolean) =>
    new Promise<ClusterEvent>((resolve) => {
      look = () => {
        const found = events.find(isWanted);
        if (found !== undefined) resolve(found);
      };
      look();
    });
  links.connect(nodeId, address);
  await first(({ kind }) => kind === "linkUp");
  links.startAttempt(nodeId, attempt);
  await first(({ kind }) => kind === "frame");
  const call = { nodeId, replicaId: "r-1", input: { kind: "text", text: "a" } } as const;
  const prompt = links.tokenize({ ...call, timeoutMs: 20_000, signal: AbortSignal.timeout(20_000) });
  await waitUntil(() => asked.count === 1);
  reset();
  await first((event) => event.kind === "attemptFailed" || (event.kind === "frame" && event.frame.kind === "ending"));
  const ofAttempt = events.flatMap((event) => (event.kind === "frame" ? [event.frame.kind] : []));
  assert.deepEqual(ofAttempt, ["tokens", "tokens", "ending"]);
  assert.deepEqual((await prompt).tokenIds, [7]);
});
