// The gRPC services of a running pool: Inference and Cluster on the coordinator, Node on a node-agent.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { InferenceGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import type { NodeGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import { pomona } from "@pomona/proto/load";
import type { PomonaError } from "@pomona/shared/core/errors";
import { countingModel, predictCounting } from "@pomona/shared/core/gguf/counting-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import {
  callUnary,
  createClusterClient,
  createInferenceClient,
  createNodeClient,
  readStream,
} from "@pomona/shared/grpc/client";
import { hasProgram } from "../support/programs.ts";
import { type RunningPool, startPool } from "../support/running-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = hasProgram("nats-server") ? false : "needs nats-server";
const folder = mkdtempSync(join(tmpdir(), "pomona-models-"));
const timeoutMs = 30_000;
let pool: RunningPool;

before(async () => {
  if (skip !== false) return;
  const path = join(folder, "counting.gguf");
  writeFileSync(path, writeGguf(countingModel({ variant: "cycle" })));
  pool = await startPool(["--nodes", "1", "--model", path]);
});

after(async () => {
  await pool?.close();
  rmSync(folder, { recursive: true, force: true });
});

const signal = (): AbortSignal => AbortSignal.timeout(timeoutMs);
const nodeClient = () => createNodeClient(pool.nodes[0]?.grpc ?? "");

type Generated = { readonly text: string; readonly frames: readonly InferenceGenerateResponse__Output[] };

/** Generates, and calls back at each frame. */
async function generate(
  maxTokens: number,
  onFrame: (frame: InferenceGenerateResponse__Output) => void = () => undefined,
): Promise<Generated> {
  const client = createInferenceClient(pool.grpc);
  const frames: InferenceGenerateResponse__Output[] = [];
  await readStream(client, pomona.Inference.service.Generate, {
    request: { model: "counting", prompt: "a", maxTokens },
    timeoutMs,
    signal: signal(),
    onMessage: (frame) => {
      frames.push(frame);
      onFrame(frame);
    },
  });
  client.close();
  return { text: frames.map(({ text }) => text?.text ?? "").join(""), frames };
}

test("Inference.Generate binds, streams the text, and ends once with usage", { skip }, async () => {
  const { text, frames } = await generate(50);
  assert.equal(text, predictCounting("a", 50, "cycle"));
  assert.equal(frames[0]?.frame, "bound");
  assert.equal(frames[0]?.bound?.nodeId, pool.nodes[0]?.id);
  assert.equal(frames.filter(({ frame }) => frame === "ending").length, 1);
  assert.equal(frames.at(-1)?.ending?.reason, "FINISH_REASON_LENGTH");
  assert.equal(frames.at(-1)?.ending?.usage?.generatedTokens, 50);
});

test("Inference.Attach takes a running generation up from a token index", { skip }, async () => {
  const attached: Promise<string>[] = [];
  let requestId = "";
  const { text } = await generate(4000, ({ bound, text: part }) => {
    requestId = bound?.requestId ?? requestId;
    if (attached.length === 0 && (part?.lastIndex ?? 0) >= 20) attached.push(attach(requestId));
  });
  assert.equal(text, predictCounting("a", 4000, "cycle"));
  assert.equal(await attached[0], text.slice(10));
});

async function attach(requestId: string): Promise<string> {
  const client = createInferenceClient(pool.grpc);
  let text = "";
  await readStream(client, pomona.Inference.service.Attach, {
    request: { requestId, fromIndex: 10 },
    timeoutMs,
    signal: signal(),
    onMessage: ({ response }) => {
      text += response?.text?.text ?? "";
    },
  });
  client.close();
  return text;
}

test("attaching to a request that does not run is not_found", { skip }, async () => {
  // For its first seconds a coordinator says that it has not heard of everything yet.
  const refusal = (): Promise<string> => attach("0".repeat(32)).then(String, (error: PomonaError) => error.code);
  await waitFor(async () => (await refusal()) !== "model_not_ready", timeoutMs, "all nodes have been heard");
  assert.equal(await refusal(), "not_found");
});

test("Node.Attach repeats an attempt's tokens from an index, with its request when that is 0", { skip }, async () => {
  const client = nodeClient();
  const [replica] = (
    await callUnary(client, pomona.Node.service.ListReplicas, { request: {}, timeoutMs, signal: signal() })
  ).replicas;
  const requestId = "f".repeat(32);
  const tokens: number[] = [];
  const seen: number[] = [];
  let attached: Promise<void> | null = null;
  const idsOf = (response: NodeGenerateResponse__Output | null | undefined): number[] => response?.tokens?.ids ?? [];
  let request: unknown = null;
  await readStream(client, pomona.Node.service.Generate, {
    request: {
      requestId,
      epoch: 1,
      replicaId: replica?.replicaId ?? "",
      promptTokenIds: [1, 324],
      maxTokens: 4000,
      sampling: {},
    },
    timeoutMs,
    signal: signal(),
    onMessage: (response) => {
      tokens.push(...idsOf(response));
      if (tokens.length < 5 || attached !== null) return;
      attached = readStream(client, pomona.Node.service.Attach, {
        request: { requestId, epoch: 1, fromIndex: 0 },
        timeoutMs,
        signal: signal(),
        onMessage: (answer) => {
          request ??= answer.request ?? null;
          seen.push(...idsOf(answer.response));
        },
      });
    },
  });
  await attached;
  client.close();
  assert.equal(tokens.length, 4000);
  assert.deepEqual(seen, tokens);
  assert.ok(request !== null);
});

test("Node.LoadReplica refuses junk and what does not fit, with the reason, and the agent lives", {
  skip,
}, async () => {
  const client = nodeClient();
  const junk = join(folder, "junk.gguf");
  writeFileSync(junk, "no model at all");
  const load = (replicaId: string, spec: { model: string; source: string; slots: number; contextLength: number }) =>
    callUnary(client, pomona.Node.service.LoadReplica, { request: { replicaId, spec }, timeoutMs, signal: signal() });
  await assert.rejects(load("junk-1", { model: "junk", source: junk, slots: 1, contextLength: 0 }), {
    code: "invalid_model",
    message: /GGUF/,
  });
  const huge = { model: "huge", source: join(folder, "counting.gguf"), slots: 64, contextLength: 8_000_000 };
  await assert.rejects(load("huge-1", huge), { code: "insufficient_memory", message: /needs .* GB.* free/ });
  assert.equal((await generate(5)).text, predictCounting("a", 5, "cycle"));
  client.close();
});

test("Inference.Tokenize and ListModels answer, and an unknown model is named", { skip }, async () => {
  const client = createInferenceClient(pool.grpc);
  const request = { model: "counting", text: "ab" };
  const { tokenIds } = await callUnary(client, pomona.Inference.service.Tokenize, {
    request,
    timeoutMs,
    signal: signal(),
  });
  assert.equal(tokenIds.length, 3);
  const { models } = await callUnary(client, pomona.Inference.service.ListModels, {
    request: {},
    timeoutMs,
    signal: signal(),
  });
  assert.deepEqual(
    models.map(({ name, state }) => [name, state]),
    [["counting", "ready"]],
  );
  const unknown = { model: "gpt", text: "a" };
  await assert.rejects(
    callUnary(client, pomona.Inference.service.Tokenize, { request: unknown, timeoutMs, signal: signal() }),
    { code: "model_not_found", message: /counting/ },
  );
  client.close();
});

test("a node that is alive is not forgotten", { skip }, async () => {
  const client = createClusterClient(pool.grpc);
  const request = { nodeId: pool.nodes[0]?.id ?? "" };
  await assert.rejects(callUnary(client, pomona.Cluster.service.ForgetNode, { request, timeoutMs, signal: signal() }), {
    code: "failed_precondition",
  });
  client.close();
});
