// A node behind a server that knows nothing of nodes' messages.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { PomonaError } from "../core/errors.ts";
import { callUnary, createNodeClient, readStream } from "./client.ts";
import { type ForwardingTarget, GrpcForwarder } from "./forwarding.ts";
import { streamHandler, unaryHandler } from "./handlers.ts";
import { startGrpcServer } from "./server.ts";

const { ReadModelFile, Tokenize } = pomona.Node.service;
const definition = { ReadModelFile, Tokenize };
const signal = new AbortController().signal;
const tokenize = { request: { replicaId: "r", text: "hi" }, timeoutMs: 5000, signal };

type Handlers = Pick<NodeHandlers, "ReadModelFile" | "Tokenize">;
type Front = {
  readonly client: ReturnType<typeof createNodeClient>;
  readonly gone: AbortController;
  /** The first calls of these were sent on. */
  readonly wasForwarded: boolean[];
};

const silent: Handlers = {
  Tokenize: unaryHandler(() => new Promise<never>(() => undefined)),
  ReadModelFile: streamHandler(() => undefined),
};

/** Without handlers nobody listens behind it. */
async function withFront(handlers: Partial<Handlers> | null, run: (front: Front) => Promise<void>): Promise<void> {
  const host = "127.0.0.1";
  const services = [{ definition, implementation: { ...silent, ...handlers } }];
  const behind = await startGrpcServer({ host, port: 0, services, packageDefinition });
  if (handlers === null) await behind.close(0);
  const forwarder = new GrpcForwarder();
  const gone = new AbortController();
  const wasForwarded: boolean[] = [];
  const target = (isForwarded: boolean): ForwardingTarget => {
    wasForwarded.push(isForwarded);
    if (isForwarded) throw new PomonaError("no_active_coordinator", "no further");
    const unanswered = (reason: string): Error => new PomonaError("no_active_coordinator", reason);
    return { address: behind.address, gone: gone.signal, unanswered };
  };
  const forwarding = forwarder.service({ definition, target });
  const front = await startGrpcServer({ host, port: 0, services: [forwarding], packageDefinition });
  const client = createNodeClient(front.address);
  try {
    await run({ client, gone, wasForwarded });
  } finally {
    client.close();
    forwarder.close();
    await front.close(0);
    await behind.close(0);
  }
}

test("a call is answered as by the server behind, which learns who called", async () => {
  const peers: (string | null)[] = [];
  const Tokenize = unaryHandler<unknown, object>((_, { forwardedPeer }) => {
    peers.push(forwardedPeer);
    return { tokenIds: [1, 2], stop: ["x"] };
  });
  await withFront({ Tokenize } as Partial<Handlers>, async ({ client }) => {
    const answer = await callUnary(client, pomona.Node.service.Tokenize, tokenize);
    assert.deepEqual(answer.tokenIds, [1, 2]);
  });
  assert.match(peers[0] ?? "", /^127\.0\.0\.1:\d+$/);
});

test("an error keeps its code, field, wait and message", async () => {
  const thrown = new PomonaError("slots_full", "all 4 slots are taken ✓", { field: "replica_id", retryAfterMs: 250 });
  const Tokenize = unaryHandler<unknown, never>(() => {
    throw thrown;
  });
  await withFront({ Tokenize }, async ({ client }) => {
    const { code, field, retryAfterMs, message } = thrown;
    const said = { code, field, retryAfterMs, message };
    await assert.rejects(callUnary(client, pomona.Node.service.Tokenize, tokenize), said);
  });
});

test("a long stream to a slow reader comes whole, in order, and the server behind waits for the reader", async () => {
  const count = 400;
  let sent = 0;
  const ReadModelFile = streamHandler<unknown, { data: Buffer }>(async (_, { send }) => {
    for (let index = 0; index < count; index += 1) {
      await send({ data: Buffer.alloc(64 * 1024, index % 251) });
      sent += 1;
    }
    throw new PomonaError("transfer_failed", "that was all");
  });
  await withFront({ ReadModelFile } as Partial<Handlers>, async ({ client }) => {
    const first: number[] = [];
    let sentAtFirst = 0;
    const onMessage = async ({ data }: { data: Uint8Array }): Promise<void> => {
      if (first.length === 0) {
        // As long as the server behind can send into what lies between: then it stands still.
        for (let last = -1; last !== sent; ) {
          last = sent;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        sentAtFirst = sent;
      }
      first.push(data[0] ?? -1);
    };
    const reading = readStream(client, pomona.Node.service.ReadModelFile, {
      request: {},
      timeoutMs: 20_000,
      signal,
      onMessage,
    });
    await assert.rejects(reading, { code: "transfer_failed" });
    assert.deepEqual(
      first,
      Array.from({ length: count }, (_, index) => index % 251),
    );
    assert.ok(sentAtFirst < count / 2, `${sentAtFirst} were sent before one was read`);
  });
});

test("all that has come when its stream ends waits for the reader as one", async () => {
  const warnings: string[] = [];
  const note = ({ message }: Error): void => void warnings.push(message);
  process.on("warning", note);
  // More than fits between the two servers and the reader: the last sixteen come with the end.
  const count = 60;
  const ReadModelFile = streamHandler<unknown, { data: Buffer }>(async (_, { send }) => {
    for (let index = 0; index < count; index += 1) await send({ data: Buffer.alloc(4000, index) });
  });
  await withFront({ ReadModelFile } as Partial<Handlers>, async ({ client }) => {
    const got: number[] = [];
    const onMessage = async ({ data }: { data: Uint8Array }): Promise<void> => {
      // By then all that is between has what it can hold.
      if (got.push(data[0] ?? -1) === 1) await new Promise((resolve) => setTimeout(resolve, 300));
    };
    const call = { request: {}, timeoutMs: 20_000, signal, onMessage };
    await readStream(client, pomona.Node.service.ReadModelFile, call);
    assert.deepEqual(got, [...Array(count).keys()]);
  });
  process.off("warning", note);
  assert.deepEqual(warnings, [], "no listener was added twice");
});

test("who leaves, and a deadline that passes, end the call behind", async () => {
  const aborted: string[] = [];
  const Tokenize = unaryHandler<unknown, never>(
    (_, { signal: ended }) =>
      new Promise((_resolve, reject) => {
        ended.addEventListener("abort", () => {
          aborted.push("ended");
          reject(ended.reason);
        });
      }),
  );
  await withFront({ Tokenize }, async ({ client }) => {
    const { Tokenize: method } = pomona.Node.service;
    await assert.rejects(callUnary(client, method, { ...tokenize, timeoutMs: 200 }), { code: "deadline_exceeded" });
    const leaving = AbortSignal.timeout(200);
    await assert.rejects(callUnary(client, method, { ...tokenize, signal: leaving }), { code: "cancelled" });
    while (aborted.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

test("nobody behind, and one that has gone, are told in the words of the target", async () => {
  const told = { code: "no_active_coordinator" };
  await withFront(null, async ({ client }) => {
    await assert.rejects(callUnary(client, pomona.Node.service.Tokenize, tokenize), told);
  });
  await withFront({}, async ({ client, gone }) => {
    setTimeout(() => gone.abort(), 100);
    await assert.rejects(callUnary(client, pomona.Node.service.Tokenize, tokenize), told);
  });
});

test("a call that was sent on is known as such", async () => {
  await withFront({}, async ({ client, wasForwarded }) => {
    const forwarder = new GrpcForwarder();
    const address = client.getChannel().getTarget().replace(/^dns:/, "");
    const target = { address, gone: signal, unanswered: (reason: string) => new PomonaError("internal", reason) };
    const services = [forwarder.service({ definition, target: () => target })];
    const further = await startGrpcServer({ host: "127.0.0.1", port: 0, services, packageDefinition });
    const caller = createNodeClient(further.address);
    try {
      const told = { code: "no_active_coordinator", message: "no further" };
      await assert.rejects(callUnary(caller, pomona.Node.service.Tokenize, tokenize), told);
      assert.deepEqual(wasForwarded, [true]);
    } finally {
      caller.close();
      forwarder.close();
      await further.close(0);
    }
  });
});
