// Node.Rank over gRPC, on a ranking model.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { nodeService } from "@pomona/node-agent/grpc/node-service";
import type { NodeAgent } from "@pomona/node-agent/node-agent";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { predictRelevance, relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { type GgufModel, writeGguf } from "@pomona/shared/core/gguf/writer";
import { callUnary, createNodeClient } from "@pomona/shared/grpc/client";
import { type GrpcServer, startGrpcServer } from "@pomona/shared/grpc/server";
import { noStates } from "../support/no-states.ts";
import { startAgent } from "../support/started-agent.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const folder = createTemporaryDirectory("rank");
const timeoutMs = 30_000;
let agent: NodeAgent;
let server: GrpcServer;

before(async () => {
  agent = startAgent(folder.path);
  const services = [nodeService(agent, noStates, () => () => undefined)];
  server = await startGrpcServer({ host: "127.0.0.1", port: 0, services, packageDefinition });
  server.setServing(true);
  await load("relevance", relevanceModel());
  await load("counting", countingModel());
});

after(async () => {
  await server?.close(1000);
  await agent?.close();
  folder.remove();
});

async function load(model: string, gguf: GgufModel): Promise<void> {
  const source = join(folder.path, `${model}.gguf`);
  writeFileSync(source, writeGguf(gguf));
  const request = { replicaId: model, spec: { model, source, slots: 1, engine: { embeddingLength: 64 } } };
  const client = createNodeClient(server.address);
  const call = { request, timeoutMs, signal: AbortSignal.timeout(timeoutMs) };
  await callUnary(client, pomona.Node.service.LoadReplica, call);
  client.close();
}

async function rank(replicaId: string, query: string, documents: string[]): Promise<readonly number[]> {
  const client = createNodeClient(server.address);
  const call = { request: { replicaId, query, documents }, timeoutMs, signal: AbortSignal.timeout(timeoutMs) };
  try {
    return (await callUnary(client, pomona.Node.service.Rank, call)).scores;
  } finally {
    client.close();
  }
}

test("Node.Rank gives one score for each document, in their order", async () => {
  const documents = ["nothing", "+++", "", "</s>"];
  const scores = await rank("relevance", "q+", documents);
  assert.equal(scores.length, documents.length);
  for (const [index, document] of documents.entries())
    assert.ok(Math.abs((scores[index] ?? 0) - predictRelevance("q+", document)) < 1e-4, document);
});

test("Node.Rank refuses with the reason", async () => {
  await assert.rejects(rank("relevance", "", ["d"]), { code: "invalid_request", message: /query is empty/ });
  await assert.rejects(rank("relevance", "q", []), { code: "invalid_request", message: /documents is empty/ });
  const long = rank("relevance", "q", ["d", "x".repeat(70)]);
  await assert.rejects(long, {
    code: "context_length_exceeded",
    field: "documents[1]",
    message: /^documents\[1\] has 74 tokens/,
  });
  await assert.rejects(rank("counting", "q", ["d"]), { code: "failed_precondition", message: /no classifier/ });
});
