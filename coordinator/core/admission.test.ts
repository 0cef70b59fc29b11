import assert from "node:assert/strict";
import { test } from "node:test";
import { testHeader } from "@pomona/shared/core/memory/test-header";
import { modelCardOf } from "@pomona/shared/core/model-card";
import { decideMaxTokens, refuseModel, refuseQueue, refuseTokens } from "./admission.ts";
import { untilReadyMs } from "./load-time.ts";
import { memoryOf, replicaOf, statusOf, TestPool } from "./test-pool.ts";
import { modelSummaries, queueDepths, readinessOf } from "./views.ts";

test("a model that the pool does not have is refused with the list of those that it has", () => {
  const pool = new TestPool();
  pool.deploy({ model: "b" });
  pool.deploy({ model: "a" });
  const refusal = refuseModel(pool.context, "c");
  assert.equal(refusal?.code, "model_not_found");
  assert.match(refusal?.message ?? "", /"c" was not found in this pool; it has: a, b/);
});

test("a gap is refused by a model whose file names no tokens for one, also while it loads", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a"));
  const gap = { kind: "infill", prefix: "a", suffix: "b" } as const;
  const deployment = pool.state.deployments.get("m");
  const facts = deployment?.facts ?? null;
  assert.ok(deployment !== undefined && facts !== null);
  assert.equal(refuseModel(pool.context, "m", gap), null, "nobody has read its file");
  const card = modelCardOf(testHeader({ architecture: "llama", figures: {} }));
  const tell = (infills: boolean): void => {
    deployment.facts = { ...facts, sizing: { ...facts.sizing, card: { ...card, infills } } };
  };
  tell(true);
  assert.equal(refuseModel(pool.context, "m", gap), null);
  tell(false);
  const refusal = refuseModel(pool.context, "m", gap);
  assert.deepEqual([refusal?.code, refusal?.field], ["invalid_request", "suffix"]);
  assert.match(refusal?.message ?? "", /suffix .* model m /);
  assert.equal(refuseModel(pool.context, "m", { kind: "text", text: "a" }), null);
  assert.equal(refuseModel(pool.context, "m"), null);
});

for (const { when, prepare, code, state } of [
  {
    when: "its file cannot be read",
    prepare: (pool: TestPool) => {
      pool.deploy();
      pool.sources.clear();
      pool.join(statusOf("a"));
    },
    code: "model_failed",
    state: "failed",
  },
  { when: "no node is alive", prepare: (pool: TestPool) => pool.deploy(), code: "model_not_ready", state: "unplaced" },
  {
    when: "it fits nowhere",
    prepare: (pool: TestPool) => [pool.deploy({ memory: memoryOf(99) }), pool.join(statusOf("a"))],
    code: "model_not_ready",
    state: "unplaced",
  },
  {
    when: "every node is draining",
    prepare: (pool: TestPool) => [pool.deploy(), pool.join(statusOf("a", { state: "draining" }))],
    code: "model_not_ready",
    state: "unplaced",
  },
  {
    when: "it is loading",
    prepare: (pool: TestPool) => [pool.deploy(), pool.join(statusOf("a"))],
    code: null,
    state: "loading",
  },
  {
    when: "its node cannot be reached for a moment",
    prepare: (pool: TestPool) => [pool.deploy(), pool.heartbeat(statusOf("a", { replicas: [replicaOf("r")] }))],
    code: null,
    state: "loading",
  },
  {
    when: "it is ready",
    prepare: (pool: TestPool) => [pool.deploy(), pool.join(statusOf("a", { replicas: [replicaOf("r")] }))],
    code: null,
    state: "ready",
  },
] as const) {
  test(`a request for a model is ${code === null ? "admitted" : `refused with ${code}`} when ${when}`, () => {
    const pool = new TestPool();
    prepare(pool);
    assert.equal(refuseModel(pool.context, "m")?.code ?? null, code);
    assert.equal(modelSummaries(pool.context)[0]?.state, state);
    assert.equal(readinessOf(pool.context).isReady, state === "ready");
  });
}

for (const { promptTokens, maxTokens, decided } of [
  { promptTokens: 60, maxTokens: 40, decided: 40 },
  { promptTokens: 60, maxTokens: null, decided: 40 },
  { promptTokens: 99, maxTokens: null, decided: 1 },
  {
    promptTokens: 61,
    maxTokens: 40,
    decided: /context of m is 100 tokens; the request needs 61 for the prompt and 40/,
  },
  { promptTokens: 100, maxTokens: null, decided: /context of m is 100 tokens; the request needs 100 for the prompt/ },
  { promptTokens: 0, maxTokens: 1, decided: /empty/ },
]) {
  test(`a context of 100 tokens, a prompt of ${promptTokens} and ${maxTokens ?? "no"} max tokens`, () => {
    const pool = new TestPool();
    pool.deploy({ contextLength: 100 });
    pool.join(statusOf("a"));
    const result = decideMaxTokens(pool.state, { model: "m", promptTokens, maxTokens });
    if (decided instanceof RegExp) assert.match(typeof result === "number" ? "" : result.message, decided);
    else assert.equal(result, decided);
  });
}

test("a limit that may be cut becomes the rest of the context, and a prompt that leaves none is refused", () => {
  const pool = new TestPool();
  pool.deploy({ contextLength: 100 });
  pool.join(statusOf("a"));
  const decide = (promptTokens: number, maxTokens: number) =>
    decideMaxTokens(pool.state, { model: "m", promptTokens, maxTokens, isMaxTokensCut: true });
  assert.equal(decide(60, 4000), 40);
  assert.equal(decide(60, 30), 30);
  const refused = decide(100, 4000);
  assert.ok(typeof refused !== "number" && refused.code === "context_length_exceeded");
  assert.deepEqual(refused.overflow, { promptTokens: 100, contextLength: 100 });
});

test("token ids beyond a vocabulary are refused as soon as it is known", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a"));
  const refused = (...tokenIds: readonly number[]) => refuseTokens(pool.state, "m", { kind: "tokens", tokenIds });
  assert.equal(refused(5, 50_000), null);
  const deployment = pool.state.deployments.get("m");
  assert.ok(deployment?.facts != null);
  const sizing = { ...deployment.facts.sizing, vocabularySize: 50 };
  pool.state.deployments.set("m", { ...deployment, facts: { ...deployment.facts, sizing } });
  assert.equal(refused(0, 49), null);
  const refusal = refused(0, 50);
  assert.deepEqual([refusal?.code, refusal?.field], ["invalid_request", "prompt"]);
  assert.match(refusal?.message ?? "", /token id 50 .* 50 tokens/);
  assert.equal(refuseTokens(pool.state, "m", { kind: "text", text: "a" }), null);
});

test("a full queue refuses with a time to come back; the depth is counted by model", () => {
  const pool = new TestPool({ queueLengthMax: 2, queueLengthPerModelMax: 2 });
  pool.deploy();
  pool.deploy({ model: "n" });
  pool.request("1");
  assert.equal(refuseQueue(pool.context, "m"), null);
  pool.request("2");
  const refusal = refuseQueue(pool.context, "n");
  assert.equal(refusal?.code, "queue_full");
  assert.ok((refusal?.retryAfterMs ?? 0) > 0);
  assert.deepEqual(
    [...queueDepths(pool.state)],
    [
      ["m", 2],
      ["n", 0],
    ],
  );
});

test("a model that is loading is worth asking for again when it should be ready", () => {
  const pool = new TestPool();
  pool.join(statusOf("a"));
  assert.equal(untilReadyMs(pool.state, "m", pool.nowMs), 2000);
  // Four gigabytes at the three a second that a disk promises, and two seconds for the process.
  pool.deploy({ memory: memoryOf(4) });
  const expected = 2000 + 4000 / 3;
  assert.ok(Math.abs(untilReadyMs(pool.state, "m", pool.nowMs) - expected) < 1);
  pool.nowMs += 1000;
  assert.ok(Math.abs(untilReadyMs(pool.state, "m", pool.nowMs) - (expected - 1000)) < 1);
  pool.nowMs += 60_000;
  assert.equal(untilReadyMs(pool.state, "m", pool.nowMs), 1000);
});
