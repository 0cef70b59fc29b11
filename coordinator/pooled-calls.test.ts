import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, PomonaError } from "@pomona/shared/core/errors";
import { speedRanges } from "@pomona/shared/core/speed-profile";
import type { Caller } from "./core/generation-request.ts";
import type { PooledReplica } from "./core/pooled-replicas.ts";
import type { EmbedInput, EmbedRequest, RankRequest } from "./core/pooled-request.ts";
import { type Embedded, type PooledCall, PooledCalls, type PooledCallsDependencies } from "./pooled-calls.ts";

const speed = {
  prefillTokensPerSecond: 1000,
  contextSlowdownTokens: 1e6,
  decodeTokensPerSecond: 100,
  slotSlowdown: 0,
  kvBytesPerToken: 0,
  memoryBytesPerSecond: 1e11,
  restoreBytesPerSecond: 0,
  loadBytesPerSecond: speedRanges.loadBytesPerSecond.max,
};
const replica = (nodeId: string, changes: Partial<PooledReplica> = {}): PooledReplica => ({
  nodeId,
  replicaId: `r-${nodeId}`,
  speed,
  streams: 0,
  contextTokens: 0,
  prefillLeft: 0,
  avoidSeconds: 0,
  ...changes,
});

const callerOf = (changes: Partial<Caller> = {}): Caller => ({
  tenant: "me",
  priority: "interactive",
  signal: new AbortController().signal,
  ...changes,
});
/** `count` inputs of 100 tokens; the first token of each is its number. */
const embedding = (count: number, changes: Partial<EmbedRequest> = {}): EmbedRequest => ({
  api: "openai",
  model: "m",
  timeoutMs: null,
  fieldOf: (index) => `input[${index}]`,
  dimensions: null,
  inputs: Array.from({ length: count }, (_, number) => ({
    kind: "tokens",
    tokenIds: [number, ...Array.from({ length: 99 }, () => 0)],
  })),
  ...changes,
});

/** A vector that tells the input, and the tokens of it. */
const embeddedOf = (input: EmbedInput): Embedded =>
  input.kind === "tokens"
    ? { vector: Float32Array.of(input.tokenIds[0] ?? 0), tokens: input.tokenIds.length }
    : { vector: Float32Array.of(0), tokens: input.text.length };

type Asked = { readonly nodeId: string; readonly inputs: readonly EmbedInput[]; readonly call: PooledCall };

/** A pool of two equal replicas that answers at once. */
function pool(changes: Partial<PooledCallsDependencies> = {}) {
  const asked: Asked[] = [];
  const counted: string[] = [];
  const dependencies: PooledCallsDependencies = {
    clock: { nowMs: () => performance.now(), wallMs: () => 0 },
    refusal: () => null,
    refusalOf: () => null,
    loading: () => ({ outlook: { state: "waiting", percent: 0, readyInMs: null }, retryAfterMs: 2000 }),
    startWaiting: () => () => undefined,
    changed: () => new Promise((resolve) => setImmediate(resolve)),
    metrics: {
      pooled: ({ model, api }, outcome) => void counted.push(`${model} ${api} ${outcome}`),
      evaluated: ({ node }, tokens) => void counted.push(`${node} ${tokens}`),
    },
    noteUse: () => undefined,
    replicas: () => [replica("a"), replica("b")],
    labelOf: (model) => model,
    embed: async (inputs) => inputs.map(embeddedOf),
    rank: async (_query, documents) => documents.map(({ length }) => ({ score: length / 100, tokens: length })),
    limitsOf: () => ({ timeoutMs: 60_000, patienceMs: 60_000 }),
    ...changes,
  };
  const calls = new PooledCalls({
    ...dependencies,
    embed: (inputs, call) => {
      asked.push({ nodeId: call.nodeId, inputs, call });
      return dependencies.embed(inputs, call);
    },
  });
  return { calls, asked, counted };
}

const failing = (code: ErrorCode, field?: string): Promise<never> =>
  Promise.reject(new PomonaError(code, `${field ?? "it"} fails as planned`, field === undefined ? {} : { field }));

/** Until its signal is aborted. */
const hang = (_: unknown, { signal }: PooledCall): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a big request is spread over the replicas, and its vectors come in the order of the inputs", async () => {
  const { calls, asked, counted } = pool();
  const { vectors, promptTokens, nodeId } = await calls.embed(embedding(100), callerOf());
  assert.deepEqual(
    vectors.map(([value]) => value),
    Array.from({ length: 100 }, (_, number) => number),
  );
  assert.equal(promptTokens, 10_000);
  assert.equal(nodeId, asked[0]?.nodeId);
  assert.deepEqual([...new Set(asked.map((call) => call.nodeId))].sort(), ["a", "b"]);
  for (const { inputs } of asked) assert.ok(inputs.length <= 32);
  assert.equal(counted.filter((line) => line === "m openai finished").length, 1);
});

test("a small request goes where it is done first", async () => {
  const busy = replica("a", { streams: 4, contextTokens: 100 });
  const evaluating = replica("b", { prefillLeft: 5000 });
  const slow = replica("c", { speed: { ...speed, prefillTokensPerSecond: 100 } });
  const { calls, asked } = pool({ replicas: () => [slow, evaluating, busy] });
  await calls.embed(embedding(1), callerOf());
  assert.equal(asked[0]?.nodeId, "a", "0.1 s and a step, not 1 s or 5.1 s");
});

test("a replica has two calls at a time; whoever has least under way is next", async () => {
  const release: (() => void)[] = [];
  const order: string[] = [];
  const { calls, asked } = pool({
    replicas: () => [replica("a")],
    embed: async (inputs, call) => {
      await new Promise<void>((resolve) => release.push(resolve));
      order.push(call.nodeId);
      return inputs.map(embeddedOf);
    },
  });
  const greedy = calls.embed(embedding(320), callerOf({ tenant: "greedy" }));
  const modest = calls.embed(embedding(1), callerOf({ tenant: "modest" })).then(() => order.length);
  const batch = calls.embed(embedding(1), callerOf({ tenant: "third", priority: "batch" })).then(() => order.length);
  while (release.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(asked.length, 2);
  let isDone = false;
  void Promise.all([greedy, modest, batch]).then(() => {
    isDone = true;
  });
  while (!isDone) {
    release.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok((await modest) <= 4, `after ${await modest} of ${order.length}`);
  assert.ok((await batch) > (await modest));
  assert.equal((await greedy).vectors.length, 320);
});

test("what a lost node was doing is done elsewhere", async () => {
  const { calls, asked, counted } = pool({
    embed: (inputs, { nodeId }) => (nodeId === "a" ? failing("node_lost") : Promise.resolve(inputs.map(embeddedOf))),
  });
  const { vectors } = await calls.embed(embedding(100), callerOf());
  assert.deepEqual(
    vectors.map(([value]) => value),
    Array.from({ length: 100 }, (_, number) => number),
  );
  assert.ok(asked.some(({ nodeId }) => nodeId === "a"));
  assert.deepEqual(
    counted.filter((line) => line.startsWith("a ")),
    [],
  );
});

test("a model that is on one node alone gets time to come back", async () => {
  const beganAtMs = performance.now();
  const isBack = (): boolean => performance.now() - beganAtMs > 300;
  const { calls } = pool({
    replicas: () => [replica("a")],
    embed: (inputs) => (isBack() ? Promise.resolve(inputs.map(embeddedOf)) : failing("node_lost")),
  });
  assert.equal((await calls.embed(embedding(1), callerOf())).vectors.length, 1);
});

test("an input that kills two engines is given up", async () => {
  const { calls, asked, counted } = pool({ embed: () => failing("engine_crashed") });
  await assert.rejects(calls.embed(embedding(1), callerOf()), { code: "engine_crashed" });
  assert.equal(asked.length, 2);
  assert.deepEqual(counted, ["m openai failed"]);
});

test("an input that is too long is named by its place in the request, and ends the rest", async () => {
  const signals: AbortSignal[] = [];
  const { calls } = pool({
    embed: async (inputs, { signal }) => {
      const [first] = inputs;
      if (first?.kind === "tokens" && first.tokenIds[0] === 32) return failing("context_length_exceeded", "inputs[3]");
      signals.push(signal);
      return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  await assert.rejects(calls.embed(embedding(100), callerOf()), {
    code: "context_length_exceeded",
    field: "input[35]",
    message: "input[35] fails as planned",
  });
  assert.ok(signals.length > 0 && signals.every(({ aborted }) => aborted));
});

test("a model that makes no embeddings is a wrong request that names it", async () => {
  const { calls, asked } = pool({ embed: () => failing("failed_precondition") });
  const expected = { code: "invalid_request", field: "model", message: /^model m makes no embeddings: it fails/ };
  await assert.rejects(calls.embed(embedding(1), callerOf()), expected);
  assert.ok(asked.length <= 3);
  const refused = new PomonaError("invalid_request", "model m ranks nothing", { field: "model" });
  const { calls: others, asked: none } = pool({ refusalOf: () => refused });
  await assert.rejects(others.embed(embedding(1), callerOf()), refused);
  assert.equal(none.length, 0);
});

test("a request waits for a model that is being loaded, and is told so", async () => {
  let isReady = false;
  const changes: number[] = [];
  const { calls } = pool({
    replicas: () => (isReady ? [replica("a")] : []),
    startWaiting: () => {
      changes.push(1);
      setImmediate(() => {
        isReady = true;
      });
      return () => void changes.push(-1);
    },
  });
  assert.equal((await calls.embed(embedding(1), callerOf())).vectors.length, 1);
  assert.deepEqual(changes, [1, -1]);
});

test("a client that goes, and a deadline that passes, end the work on the nodes", async () => {
  const { calls, counted } = pool({ embed: hang });
  const controller = new AbortController();
  const left = calls.embed(embedding(200), callerOf({ signal: controller.signal }));
  setImmediate(() => controller.abort(new PomonaError("cancelled", "the client has gone")));
  await assert.rejects(left, { code: "cancelled" });
  await assert.rejects(calls.embed(embedding(200, { timeoutMs: 20 }), callerOf()), { code: "deadline_exceeded" });
  assert.deepEqual(counted, ["m openai cancelled", "m openai expired"]);
});

test("a vector is cut to its first dimensions and is of length 1 again; more than it has are refused", async () => {
  const { calls } = pool({
    embed: async (inputs) => inputs.map(() => ({ vector: Float32Array.of(0.6, 0, 0.8), tokens: 1 })),
  });
  const { vectors } = await calls.embed(embedding(1, { dimensions: 2 }), callerOf());
  assert.deepEqual(vectors, [Float32Array.of(1, 0)]);
  const { vectors: whole } = await calls.embed(embedding(1, { dimensions: 3 }), callerOf());
  assert.deepEqual(whole, [Float32Array.of(0.6, 0, 0.8)]);
  const long = { code: "invalid_request", field: "dimensions", message: /4.*have 3/ };
  await assert.rejects(calls.embed(embedding(1, { dimensions: 4 }), callerOf()), long);
});

test("documents are ranked in shares, their scores in the order of the documents", async () => {
  const { calls } = pool();
  const documents = Array.from({ length: 100 }, (_, length) => "x".repeat(length));
  const request: RankRequest = {
    api: "openai",
    model: "m",
    timeoutMs: null,
    fieldOf: (index) => `documents[${index}]`,
    query: "q",
    documents,
  };
  const { scores, promptTokens } = await calls.rank(request, callerOf());
  assert.deepEqual(
    scores,
    documents.map(({ length }) => length / 100),
  );
  assert.equal(promptTokens, (99 * 100) / 2);
  await assert.rejects(calls.rank({ ...request, documents: [] }, callerOf()), { code: "invalid_request" });
});

test("more requests than may be under way are refused", async () => {
  const { calls } = pool({ embed: hang });
  const end = new AbortController();
  const caller = callerOf({ signal: end.signal });
  const open = Array.from({ length: 256 }, () => calls.embed(embedding(1), caller));
  await assert.rejects(calls.embed(embedding(1), callerOf()), { code: "queue_full" });
  end.abort(new PomonaError("cancelled", "the test is over"));
  for (const outcome of await Promise.allSettled(open)) assert.equal(outcome.status, "rejected");
});
