import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { credentials, makeClientConstructor } from "@grpc/grpc-js";
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { service as healthService } from "grpc-health-check";
import { PomonaError } from "../core/errors.ts";
import { OpenFiles } from "../runtime/open-files.ts";
import { hostAndPort, parseHostAndPort } from "./address.ts";
import { callUnary, createNodeClient, readStream } from "./client.ts";
import { streamHandler, unaryHandler } from "./handlers.ts";
import { type GrpcServer, startGrpcServer } from "./server.ts";

const unused = unaryHandler<unknown, never>(() => {
  throw new PomonaError("internal", "not part of this test");
});
const unusedStream = streamHandler<unknown, never>(() => {
  throw new PomonaError("internal", "not part of this test");
});

async function withNode(
  handlers: Partial<NodeHandlers>,
  run: (node: { server: GrpcServer; client: ReturnType<typeof createNodeClient> }) => Promise<void>,
): Promise<void> {
  const implementation = {
    Generate: unusedStream,
    Attach: unusedStream,
    WatchStatus: unusedStream,
    Tokenize: unused,
    LoadReplica: unused,
    UnloadReplica: unused,
    ListReplicas: unused,
    ...handlers,
  };
  const service = { definition: pomona.Node.service, implementation };
  const server = await startGrpcServer({ host: "127.0.0.1", port: 0, services: [service], packageDefinition });
  const client = createNodeClient(server.address);
  try {
    await run({ server, client });
  } finally {
    client.close();
    await server.close(0);
  }
}

const signal = new AbortController().signal;
const tokenize = { request: { replicaId: "r", text: "hi" }, timeoutMs: 5000, signal };

test("a unary call answers with what the handler returned", async () => {
  const handlers = { Tokenize: unaryHandler(() => ({ tokenIds: [1, 2], stop: ["x"] })) };
  await withNode(handlers, async ({ client }) => {
    const answer = await callUnary(client, pomona.Node.service.Tokenize, tokenize);
    assert.deepEqual(answer, {
      tokenIds: [1, 2],
      stop: ["x"],
      startsInReasoning: false,
      startsInText: false,
      tokensLeftOut: 0,
      stopTokenIds: [],
      sharedTokens: 0,
      callFormat: "",
      thoughts: "",
      thinking: "",
    });
  });
});

test("an error keeps its code, field, wait and message over the wire", async () => {
  const thrown = new PomonaError("slots_full", "all 4 slots are taken ✓", { field: "replica_id", retryAfterMs: 250 });
  const handlers = {
    Tokenize: unaryHandler<unknown, never>(() => {
      throw thrown;
    }),
  };
  await withNode(handlers, async ({ client }) => {
    await assert.rejects(callUnary(client, pomona.Node.service.Tokenize, tokenize), (error: unknown) => {
      assert(error instanceof PomonaError);
      const { code, field, retryAfterMs, message, isRetryable } = error;
      assert.deepEqual(
        { code, field, retryAfterMs, message, isRetryable },
        { code: "slots_full", field: "replica_id", retryAfterMs: 250, message: thrown.message, isRetryable: true },
      );
      return true;
    });
  });
});

test("a call past its deadline is deadline_exceeded, and the handler's signal is aborted", async () => {
  let isAborted: Promise<unknown> = Promise.resolve();
  const handlers = {
    Tokenize: unaryHandler<unknown, never>((_request, { signal: gone }) => {
      isAborted = new Promise((resolve) => gone.addEventListener("abort", resolve));
      return new Promise<never>(() => {});
    }),
  };
  await withNode(handlers, async ({ client }) => {
    const call = callUnary(client, pomona.Node.service.Tokenize, { ...tokenize, timeoutMs: 50 });
    await assert.rejects(call, { code: "deadline_exceeded" });
    await isAborted;
  });
});

test("a node that is not there is node_lost", async () => {
  const client = createNodeClient("127.0.0.1:1");
  await assert.rejects(callUnary(client, pomona.Node.service.Tokenize, tokenize), { code: "node_lost" });
  client.close();
});

test("a stream arrives in order, and a slow reader holds the server back", async () => {
  let sentMax = 0;
  let received = 0;
  const handlers = {
    WatchStatus: streamHandler<unknown, { status: { hostname: string; sequence: number } }>(
      async (_request, stream) => {
        for (let sequence = 0; sequence < 400; sequence += 1) {
          await stream.send({ status: { hostname: "h".repeat(10_000), sequence } });
          sentMax = Math.max(sentMax, sequence - received);
        }
      },
    ),
  };
  await withNode(handlers, async ({ client }) => {
    const onMessage = async (message: { status: { sequence: number } | null }): Promise<void> => {
      assert.equal(message.status?.sequence, received);
      received += 1;
      await new Promise((resolve) => setImmediate(resolve));
    };
    await readStream(client, pomona.Node.service.WatchStatus, { request: {}, timeoutMs: null, signal, onMessage });
    assert.equal(received, 400);
    assert(sentMax < 300, `at most ${sentMax} messages were ahead of the reader`);
  });
});

test("aborting a stream cancels the handler and rejects with cancelled", async () => {
  let left: () => void = () => {};
  const hasLeft = new Promise<void>((resolve) => {
    left = resolve;
  });
  const handlers = {
    WatchStatus: streamHandler<unknown, object>(async (_request, stream) => {
      await stream.send({ status: null });
      await new Promise((resolve) => stream.signal.addEventListener("abort", resolve));
      left();
    }),
  };
  await withNode(handlers, async ({ client }) => {
    const controller = new AbortController();
    const call = { request: {}, timeoutMs: null, signal: controller.signal, onMessage: () => controller.abort() };
    await assert.rejects(readStream(client, pomona.Node.service.WatchStatus, call), { code: "cancelled" });
    await hasLeft;
  });
});

test("a message is confirmed when the client has read it, also when many calls of a connection ask at once", async () => {
  const confirmed: boolean[] = [];
  const handlers = {
    WatchStatus: streamHandler<unknown, object>(async (_request, stream) => {
      confirmed.push(await stream.sendConfirmed({ status: null }));
    }),
  };
  await withNode(handlers, async ({ client }) => {
    const call = { request: {}, timeoutMs: 5000, signal, onMessage: () => undefined };
    await Promise.all(Array.from({ length: 40 }, () => readStream(client, pomona.Node.service.WatchStatus, call)));
  });
  assert.deepEqual(confirmed, new Array(40).fill(true));
});

test("a message that has left for a client that reads no more is not confirmed", async () => {
  const sockets: Socket[] = [];
  const holder = createServer();
  const handlers = {
    WatchStatus: streamHandler<unknown, object>(async (_request, stream) => {
      await stream.send({ status: null });
      await once(holder, "held");
      const confirmed = stream.sendConfirmed({ status: null });
      // Messages leave in order: the one before has left by then, too.
      await stream.sendThrough({ status: null });
      for (const socket of sockets) socket.destroy();
      holder.emit("told", await confirmed);
    }),
  };
  await withNode(handlers, async ({ server }) => {
    const { host, port } = parseHostAndPort(server.address);
    holder.on("connection", (near: Socket) => {
      const far = connect(port, host);
      for (const socket of [near, far]) sockets.push(socket.on("error", () => undefined));
      far.pipe(near).pipe(far);
    });
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    const client = createNodeClient(`127.0.0.1:${(holder.address() as AddressInfo).port}`);
    const told = once(holder, "told");
    const onMessage = (): void => {
      for (const socket of sockets) socket.unpipe().pause();
      holder.emit("held");
    };
    const call = { request: {}, timeoutMs: 5000, signal, onMessage };
    await assert.rejects(readStream(client, pomona.Node.service.WatchStatus, call), { code: "node_lost" });
    assert.deepEqual(await told, [false]);
    client.close();
    holder.close();
  });
});

test("what a reader throws cancels its stream and is thrown", async () => {
  const handlers = {
    WatchStatus: streamHandler<unknown, object>(async (_request, stream) => {
      while (!stream.signal.aborted) await stream.send({ status: null }).then(() => new Promise(setImmediate));
    }),
  };
  await withNode(handlers, async ({ client }) => {
    const onMessage = (): void => {
      throw new PomonaError("invalid_request", "not a status");
    };
    const call = { request: {}, timeoutMs: null, signal, onMessage };
    await assert.rejects(readStream(client, pomona.Node.service.WatchStatus, call), { message: "not a status" });
  });
});

test("closing a server ends streams that would never end, as node_lost", async () => {
  const handlers = {
    WatchStatus: streamHandler<unknown, object>(async (_request, stream) => {
      await stream.send({ status: null });
      await new Promise((resolve) => stream.signal.addEventListener("abort", resolve));
    }),
  };
  await withNode(handlers, async ({ client, server }) => {
    const closed: Promise<void>[] = [];
    const onMessage = (): void => void closed.push(server.close(50));
    const call = { request: {}, timeoutMs: null, signal, onMessage };
    await assert.rejects(readStream(client, pomona.Node.service.WatchStatus, call), { code: "node_lost" });
    await Promise.all(closed);
  });
});

test("a connection for which no file is left is closed, and the client comes again by itself", async () => {
  let max = 0;
  const files = new OpenFiles({ max: () => max, open: () => 10 });
  const listed: NodeHandlers["ListReplicas"] = unaryHandler(() => ({ replicas: [] }));
  const implementation = { ListReplicas: listed };
  const service = { definition: pomona.Node.service, implementation };
  const server = await startGrpcServer({ host: "127.0.0.1", port: 0, services: [service], packageDefinition, files });
  const client = createNodeClient(server.address);
  const call = { request: {}, timeoutMs: 10_000, signal };
  await assert.rejects(callUnary(client, pomona.Node.service.ListReplicas, call), { code: "node_lost" });
  max = 100;
  const untilMs = performance.now() + 10_000;
  // The client waits longer after each failure.
  for (let answer: unknown = null; answer === null; ) {
    assert(performance.now() < untilMs, "the client did not come again");
    answer = await callUnary(client, pomona.Node.service.ListReplicas, call).catch(() => null);
  }
  client.close();
  await server.close(0);
});

test("a taken port is setup_failed and names the port and the flag", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  assert(address !== null && typeof address === "object");
  const start = startGrpcServer({ host: "127.0.0.1", port: address.port, services: [], packageDefinition });
  await assert.rejects(start, (error: unknown) => {
    assert(error instanceof PomonaError);
    assert.equal(error.code, "setup_failed");
    assert.match(error.message, new RegExp(`port ${address.port} .* --grpc-port`));
    return true;
  });
  await new Promise((resolve) => holder.close(resolve));
});

test("health says what setServing said, for the server and each service", async () => {
  await withNode({}, async ({ server }) => {
    const Health = makeClientConstructor(healthService, "Health");
    const health = new Health(server.address, credentials.createInsecure());
    const method = healthService["Check"];
    assert(method !== undefined);
    const statusOf = async (service: string): Promise<unknown> => {
      const answer = await callUnary<object, unknown>(health, method, {
        request: { service },
        timeoutMs: 5000,
        signal,
      });
      return typeof answer === "object" && answer !== null && "status" in answer ? answer.status : null;
    };
    assert.equal(await statusOf("pomona.v1.Node"), "NOT_SERVING");
    server.setServing(true);
    assert.equal(await statusOf("pomona.v1.Node"), "SERVING");
    assert.equal(await statusOf(""), "SERVING");
    await assert.rejects(statusOf("nobody"), { code: "not_found" });
    health.close();
  });
});

test("addresses are split and joined, and refused when they are none", () => {
  assert.deepEqual(parseHostAndPort("mac-1.local:8486"), { host: "mac-1.local", port: 8486 });
  assert.deepEqual(parseHostAndPort("[::1]:1"), { host: "::1", port: 1 });
  assert.deepEqual(parseHostAndPort(":80"), { host: "", port: 80 });
  assert.equal(hostAndPort("::1", 1), "[::1]:1");
  for (const wrong of ["", "a", "a:0", "a:70000", "a b:1", "http://a:1", "a:1x"])
    assert.throws(() => parseHostAndPort(wrong), { code: "invalid_request" });
});

test("reflection describes every service so that a client without the proto files can call them", async () => {
  const handlers = { ListReplicas: unaryHandler(() => ({ replicas: [] })) };
  const buf = fileURLToPath(new URL("../../../node_modules/.bin/buf", import.meta.url));
  const curl = async (server: GrpcServer, ...args: string[]): Promise<string> => {
    const [path = "", ...flags] = args;
    const all = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", ...flags, `http://${server.address}${path}`];
    const { stdout } = await promisify(execFile)(buf, all, { timeout: 20_000 });
    return stdout.trim();
  };
  await withNode(handlers, async ({ server }) => {
    const methods = await curl(server, "", "--list-methods");
    for (const method of ["Node/Generate", "Cluster/Register", "Inference/Generate"])
      assert.match(methods, new RegExp(method));
    assert.equal(await curl(server, "/pomona.v1.Node/ListReplicas", "-d", "{}"), "{}");
  });
});
