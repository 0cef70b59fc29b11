import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, PomonaError } from "@pomona/shared/core/errors";
import { plainForm } from "@pomona/shared/core/output/answer-form";
import { PromptTokenizer, type PromptTokenizerDependencies, type TokenizeCall } from "./tokenizer.ts";

const text = (value: string) => ({ kind: "text", text: value }) as const;
const patient = () => ({
  owner: "",
  patienceMs: Number.POSITIVE_INFINITY,
  deadlineMs: 1000,
  signal: new AbortController().signal,
});

/** A pool of two ready replicas; each call is answered by `answer`. */
function pool(changes: Partial<PromptTokenizerDependencies> = {}) {
  const calls: TokenizeCall[] = [];
  const time = { nowMs: 0 };
  const dependencies: PromptTokenizerDependencies = {
    clock: { nowMs: () => time.nowMs, wallMs: () => 0 },
    loading: () => ({ outlook: { state: "waiting", percent: 0, readyInMs: null }, retryAfterMs: 2000 }),
    refusal: () => null,
    replicas: () => ["a", "b"].map((nodeId) => ({ nodeId, replicaId: `r-${nodeId}`, digest: "" })),
    startWaiting: () => () => undefined,
    changed: () => Promise.resolve(),
    ask: async () => ({ tokenIds: [1, 2], stop: ["<end>"], tokensLeftOut: 0, sharedTokens: 0, form: plainForm }),
    ...changes,
  };
  const ask = (call: TokenizeCall) => {
    calls.push(call);
    return dependencies.ask(call);
  };
  return { calls, time, tokenizer: new PromptTokenizer({ ...dependencies, ask }) };
}

const failing = (code: ErrorCode) => (): Promise<never> => Promise.reject(new PomonaError(code, "as planned"));

test("equal prompts are asked once, others and other models again", async () => {
  const { tokenizer, calls } = pool();
  const first = await tokenizer.tokenize("m", text("hello"), patient());
  assert.deepEqual(await tokenizer.tokenize("m", text("hello"), patient()), first);
  assert.equal(calls.length, 1);
  await tokenizer.tokenize("m", text("hallo"), patient());
  await tokenizer.tokenize("n", text("hello"), patient());
  assert.equal(calls.length, 3);
});

test("a prompt that was cut is not kept: there may be room for it soon", async () => {
  const cut = { tokenIds: [1, 2], stop: [], tokensLeftOut: 1, sharedTokens: 0, form: plainForm };
  const { tokenizer, calls } = pool({ ask: async () => cut });
  await tokenizer.tokenize("m", text("hello"), patient());
  assert.equal((await tokenizer.tokenize("m", text("hello"), patient())).tokensLeftOut, 1);
  assert.equal(calls.length, 2);
});

test("token ids pass without a call", async () => {
  const { tokenizer, calls } = pool();
  const answer = await tokenizer.tokenize("m", { kind: "tokens", tokenIds: [7] }, patient());
  assert.deepEqual(answer, { tokenIds: [7], stop: [], tokensLeftOut: 0, sharedTokens: 0, form: plainForm, digest: "" });
  assert.equal(calls.length, 0);
});

test("the answers that are kept are bounded in bytes, however small each is; the least recently used leave", async () => {
  const { tokenizer, calls } = pool({ cachedBytesMax: 1000 });
  for (const prompt of ["a", "b", "c", "a", "d"]) await tokenizer.tokenize("m", text(prompt), patient());
  assert.equal(calls.length, 4, "three answers of about 280 bytes are kept");
  await tokenizer.tokenize("m", text("a"), patient());
  assert.equal(calls.length, 4, "a was used lately");
  await tokenizer.tokenize("m", text("b"), patient());
  assert.equal(calls.length, 5, "b was not");
});

test("calls are spread over the replicas", async () => {
  const { tokenizer, calls } = pool();
  for (const prompt of ["a", "b", "c", "d"]) await tokenizer.tokenize("m", text(prompt), patient());
  assert.deepEqual(calls.map(({ nodeId }) => nodeId).sort(), ["a", "a", "b", "b"]);
});

test("a prompt that is known is refused all the same when the model is gone", async () => {
  let refusal: PomonaError | null = null;
  const { tokenizer } = pool({ refusal: () => refusal });
  await tokenizer.tokenize("m", text("hello"), patient());
  refusal = new PomonaError("model_not_ready", "every node is gone", { retryAfterMs: 2000 });
  await assert.rejects(tokenizer.tokenize("m", text("hello"), patient()), refusal);
});

test("a replica whose node is lost is left for another one", async () => {
  const asked: string[] = [];
  const { tokenizer } = pool({
    ask: async ({ nodeId }) => {
      asked.push(nodeId);
      if (asked.length === 1) throw new PomonaError("node_lost", "gone");
      return { tokenIds: [1], stop: [], tokensLeftOut: 0, sharedTokens: 0, form: plainForm };
    },
  });
  assert.deepEqual((await tokenizer.tokenize("m", text("hello"), patient())).tokenIds, [1]);
  assert.equal(new Set(asked).size, 2);
});

test("what speaks of the node is tried three times in all, a crash twice, what speaks of the prompt once", async () => {
  const tries = { node_lost: 3, not_found: 3, engine_crashed: 2, invalid_request: 1, internal: 1 } as const;
  for (const [code, expected] of Object.entries(tries)) {
    // The keys of the table are codes.
    const { tokenizer, calls } = pool({ ask: failing(code as ErrorCode) });
    await assert.rejects(tokenizer.tokenize("m", text("hello"), patient()), { code });
    assert.equal(calls.length, expected, code);
  }
});

test("a call takes no longer than 30 s, nor than the request has left", async () => {
  const { tokenizer, calls, time } = pool();
  time.nowMs = 800;
  await tokenizer.tokenize("m", text("short"), patient());
  await tokenizer.tokenize("m", text("long"), { ...patient(), deadlineMs: 600_000 });
  assert.deepEqual(
    calls.map(({ timeoutMs }) => timeoutMs),
    [200, 30_000],
  );
});

test("without a ready replica it waits until one is there", async () => {
  let waits = 0;
  const { tokenizer } = pool({
    replicas: () => (waits < 3 ? [] : [{ nodeId: "late", replicaId: "r", digest: "" }]),
    changed: async () => {
      waits += 1;
    },
  });
  assert.deepEqual((await tokenizer.tokenize("m", text("hello"), patient())).tokenIds, [1, 2]);
  assert.equal(waits, 3);
});

test("a wait ends with the deadline, the refusal of the model, or the client", async () => {
  const time = { nowMs: 0 };
  const client = new AbortController();
  let refusal: PomonaError | null = null;
  const { tokenizer } = pool({
    clock: { nowMs: () => time.nowMs, wallMs: () => 0 },
    replicas: () => [],
    loading: () => ({ outlook: { state: "waiting", percent: 0, readyInMs: null }, retryAfterMs: 2000 }),
    refusal: () => refusal,
    changed: async () => {
      time.nowMs += 100;
    },
  });
  await assert.rejects(tokenizer.tokenize("m", text("hello"), patient()), {
    code: "model_not_ready",
    retryAfterMs: 2000,
  });
  time.nowMs = 0;
  const waiting = tokenizer.tokenize("m", text("hello"), patient());
  refusal = new PomonaError("model_failed", "the file is damaged");
  await assert.rejects(waiting, refusal);
  refusal = null;
  time.nowMs = 0;
  const left = tokenizer.tokenize("m", text("hello"), {
    owner: "",
    patienceMs: Number.POSITIVE_INFINITY,
    deadlineMs: 1000,
    signal: client.signal,
  });
  client.abort(new PomonaError("cancelled", "the client has gone"));
  await assert.rejects(left, { code: "cancelled" });
});

test("what one owner's prompt was is not told to another, not even by being fast", async () => {
  const { tokenizer, calls } = pool();
  await tokenizer.tokenize("m", text("a"), patient());
  await tokenizer.tokenize("m", text("a"), { ...patient(), owner: "another" });
  assert.equal(calls.length, 2);
});
