// A node's service behind the fence, and clients of coordinators with leases of several terms.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { callUnary, createNodeClient, readStream } from "./client.ts";
import { type CoordinatorTerm, fencedByTerm } from "./coordinator-term.ts";
import { streamHandler, unaryHandler } from "./handlers.ts";
import { type GrpcServer, startGrpcServer } from "./server.ts";

const timeoutMs = 10_000;
const highest = new Map<string, number>();
let server: GrpcServer;

function note({ cluster, term }: CoordinatorTerm): number {
  highest.set(cluster, Math.max(term, highest.get(cluster) ?? 0));
  return highest.get(cluster) ?? 0;
}

before(async () => {
  const implementation = {
    Drain: unaryHandler(() => ({})),
    WatchStatus: streamHandler(() => undefined),
  } satisfies Partial<NodeHandlers>;
  const services = [fencedByTerm({ definition: pomona.Node.service, implementation }, note)];
  server = await startGrpcServer({ host: "127.0.0.1", port: 0, services, packageDefinition });
});

after(() => server.close(0));

/** Calls a unary and a streaming method. Returns what each came to, and the terms that the node has named. */
async function call(own: CoordinatorTerm | null): Promise<{ readonly codes: string[]; readonly superseded: number[] }> {
  const superseded: number[] = [];
  const source = { current: () => own, onSuperseded: (term: number) => void superseded.push(term) };
  const client = createNodeClient(server.address, source);
  const { signal } = new AbortController();
  const codeOf = (done: Promise<unknown>): Promise<string> =>
    done.then(
      () => "ok",
      (thrown: { readonly code: string }) => thrown.code,
    );
  const shared = { request: {}, timeoutMs, signal };
  const codes = [
    await codeOf(callUnary(client, pomona.Node.service.Drain, shared)),
    await codeOf(readStream(client, pomona.Node.service.WatchStatus, { ...shared, onMessage: () => undefined })),
  ];
  client.close();
  return { codes, superseded };
}

test("calls of a term that is over are refused, and tell the one that counts", async () => {
  assert.deepEqual(await call({ cluster: "one", term: 3 }), { codes: ["ok", "ok"], superseded: [] });
  assert.deepEqual(await call({ cluster: "one", term: 7 }), { codes: ["ok", "ok"], superseded: [] });
  const refused = { codes: ["superseded", "superseded"], superseded: [7, 7] };
  assert.deepEqual(await call({ cluster: "one", term: 3 }), refused);
  assert.deepEqual(await call({ cluster: "one", term: 0 }), refused);
  assert.deepEqual(await call({ cluster: "one", term: 7 }), { codes: ["ok", "ok"], superseded: [] });
});

test("terms of another cluster, and callers without a lease, are not compared", async () => {
  assert.deepEqual(await call({ cluster: "other", term: 1 }), { codes: ["ok", "ok"], superseded: [] });
  assert.deepEqual(await call(null), { codes: ["ok", "ok"], superseded: [] });
});

test("what is no term is an invalid request", async () => {
  const invalid = { codes: ["invalid_request", "invalid_request"], superseded: [] };
  for (const own of [
    { cluster: "One!", term: 1 },
    { cluster: "one", term: 2 ** 60 },
    { cluster: "one/2", term: 1 },
    { cluster: "one", term: -1 },
  ])
    assert.deepEqual(await call(own), invalid);
});
