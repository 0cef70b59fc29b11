import assert from "node:assert/strict";
import { test } from "node:test";
import { pomona } from "@pomona/proto/load";
import fc from "fast-check";
import { defaultEngineOptions } from "../core/engine-options.ts";
import type { Attempt, AttemptFrame, Sampling } from "../core/generation.ts";
import { defaultSampling } from "../core/generation.ts";
import type { NodeStatus, ReplicaStatus } from "../core/node-status.ts";
import { packPrompt } from "../core/prompt-logprobs.ts";
import {
  type AddressedFrame,
  attemptFrameFromWire,
  attemptFrameToWire,
  attemptFromWire,
  attemptToWire,
  samplingFromWire,
} from "./wire.ts";
import {
  generateInputFromWire,
  generateInputToWire,
  tokenizeInputFromWire,
  tokenizeInputToWire,
} from "./wire-prompt.ts";
import { decodeNodeStatus, encodeNodeStatus, replicaSpecFromWire, replicaSpecToWire } from "./wire-status.ts";

/** Of ordinary objects, which compare as equal to what a conversion returns. */
function record<Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }): fc.Arbitrary<Value> {
  return fc.record(model, { noNullPrototype: true });
}

const hexId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const positive = fc.integer({ min: 1, max: 1000 });
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const share = fc.double({ min: 0.01, max: 1, noNaN: true });
const penalty = fc.double({ min: -2, max: 2, noNaN: true }).map((value) => value + 0);
const duration = fc.double({ min: 0, max: 1e9, noNaN: true });
const failure = record({
  code: fc.constant("engine_crashed" as const),
  message: fc.string(),
  isRetryable: fc.boolean(),
  field: fc.string({ minLength: 1, maxLength: 50 }),
});

const sampling: fc.Arbitrary<Sampling> = record({
  temperature: fc.double({ min: 0, max: 2, noNaN: true }),
  topK: uint32,
  topP: share,
  minP: share,
  typicalP: share,
  seed: count,
  repeatPenalty: share,
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  penaltyLastTokens: fc.integer({ min: 1, max: 2 ** 20 }),
  dry: fc.option(record({ multiplier: share, base: fc.constant(1.5), allowedLength: positive, lastTokens: positive }), {
    nil: null,
  }),
  logitBias: fc.array(record({ tokenId: uint32, bias: penalty }), { maxLength: 5 }),
});

const attempt: fc.Arbitrary<Attempt> = record({
  requestId: hexId,
  epoch: positive,
  replicaId: fc.stringMatching(/^[\x21-\x7e]{1,40}$/),
  promptTokenIds: fc.array(uint32, { minLength: 3, maxLength: 40 }),
  promptChunkLengths: fc.constantFrom([], [1, 2], [3]),
  emittedTokenIds: fc.array(uint32, { maxLength: 20 }),
  decoding: record({
    sampling,
    maxTokens: fc.integer({ min: 21, max: 4000 }),
    stopTokenIds: fc.array(uint32, { maxLength: 4 }),
    grammar: fc.constantFrom(null, 'root ::= "a"'),
    topLogprobs: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
    logsPrompt: fc.boolean(),
    cacheScope: record({ owner: fc.constantFrom("", "team"), sharedTokens: uint32 }),
  }).filter(({ topLogprobs, logsPrompt }) => topLogprobs !== null || !logsPrompt),
  orphanMs: fc.integer({ min: 0, max: 60_000 }),
  takeover: fc.uint8Array({ maxLength: 40 }),
});

const ending: fc.Arbitrary<AttemptFrame> = record({
  usage: record({ promptTokens: uint32, cachedPromptTokens: uint32, generatedTokens: uint32 }),
  timings: record({ queueMs: duration, prefillMs: duration, decodeMs: duration }),
  outcome: fc.oneof(
    record({
      reason: fc.constantFrom("stop" as const, "length" as const, "cancelled" as const),
      failure: fc.constant(null),
    }),
    record({ reason: fc.constantFrom("failed" as const, "expired" as const), failure }),
  ),
  end: fc.constantFrom({}, { endLogprobs: { logprob: -0.5, top: [] } }),
}).map(({ outcome, usage, timings, end }) => ({ kind: "ending", ending: { ...outcome, usage, timings, ...end } }));

const frame: fc.Arbitrary<AttemptFrame> = fc.oneof(
  fc.array(positive, { maxLength: 4 }).map((cachedChunkLengths) => ({
    kind: "accepted" as const,
    slot: 3,
    cachedPromptTokens: cachedChunkLengths.reduce((sum, length) => sum + length, 0),
    cachedChunkLengths,
    promptTokens: 5000,
    ...(cachedChunkLengths.length > 2 ? { checkpoint: "restored" as const } : {}),
  })),
  record({
    kind: fc.constant("prefill" as const),
    evaluatedTokens: fc.integer({ min: 0, max: 99 }),
    totalTokens: fc.integer({ min: 99, max: 9999 }),
    chunkLength: uint32,
  }),
  fc.array(fc.tuple(uint32, fc.uint8Array({ maxLength: 6 })), { maxLength: 8 }).map((tokens) => ({
    kind: "tokens" as const,
    firstIndex: 7,
    ids: tokens.map(([id]) => id),
    texts: tokens.map(([, text]) => text),
    logprobs: null,
  })),
  fc.array(fc.tuple(uint32, fc.uint8Array({ maxLength: 6 })), { maxLength: 5 }).map((tokens) => ({
    kind: "promptLogprobs" as const,
    logprobs: packPrompt(
      0,
      2,
      tokens.map(([id, text], place) => ({
        id,
        text,
        logprobs: place === 0 ? null : { logprob: -0.5, top: [{ id, text, logprob: Number.NEGATIVE_INFINITY }] },
      })),
    ),
  })),
  fc.array(fc.tuple(uint32, fc.uint8Array({ maxLength: 6 })), { maxLength: 5 }).map((top) => ({
    kind: "tokens" as const,
    firstIndex: 0,
    ids: [9],
    texts: [new Uint8Array()],
    logprobs: [{ logprob: -0.5, top: top.map(([id, text], rank) => ({ id, text, logprob: -1 - rank })) }],
  })),
  ending,
);

const runningAttempt = record({ requestId: hexId, epoch: positive, isOrphaned: fc.boolean() });

const replica: fc.Arbitrary<ReplicaStatus> = record({
  replicaId: fc.constant("r-1"),
  model: fc.constantFrom("tiny", "org/model:Q4_0"),
  state: fc.constantFrom("loading", "ready", "failed", "unloading"),
  slots: positive,
  running: fc.array(runningAttempt, { maxLength: 3 }),
  contextLength: positive,
  memory: fc.record(
    {
      weightsBytes: count,
      kvBytes: count,
      computeBytes: count,
      processBytes: count,
      mappedBytes: count.filter((bytes) => bytes > 0),
      mappedFile: fc.constantFrom("2049:131", "1:2"),
    },
    { requiredKeys: ["weightsBytes", "kvBytes", "computeBytes", "processBytes"], noNullPrototype: true },
  ),
  failure: fc.option(failure, { nil: null }),
  loadMs: duration,
  pid: fc.option(positive, { nil: null }),
  digest: fc.constantFrom("", "ab".repeat(32)),
  held: fc.array(
    record({
      place: fc.constantFrom("slot", "ram", "disk"),
      slot: fc.option(uint32, { nil: null }),
      tokens: uint32,
      hashes: fc.array(fc.integer({ min: 0, max: 2 ** 52 - 1 }), { maxLength: 4 }),
    }),
    { maxLength: 3 },
  ),
  speed: fc.option(
    record({
      prefillTokensPerSecond: duration,
      contextSlowdownTokens: duration,
      decodeTokensPerSecond: duration,
      slotSlowdown: duration,
      kvBytesPerToken: duration,
      memoryBytesPerSecond: duration,
      restoreBytesPerSecond: duration,
      loadBytesPerSecond: duration,
    }),
    { nil: null },
  ),
  revision: fc.constantFrom("", "5f3a"),
});

const status: fc.Arbitrary<NodeStatus> = record({
  nodeId: hexId,
  incarnation: count,
  sequence: count,
  state: fc.constantFrom("serving", "draining"),
  grpcAddress: fc.constantFrom("127.0.0.1:8486", ":8486", "mac.local:1"),
  hostname: fc.string({ maxLength: 60 }),
  version: fc.constant("0.1.0"),
  capacity: record({
    memoryBytes: count,
    budgetBytes: count,
    freeBytes: count,
    chip: fc.constant("M4"),
    gpu: fc.constantFrom("metal", "cpu"),
    cpuCores: positive,
    diskBytes: count,
    diskFreeBytes: count,
    memoryCorrection: fc.constantFrom(1, 1.25),
    memoryPressure: fc.constantFrom("unknown", "normal", "warning", "critical"),
    ownerState: fc.constantFrom("unknown", "active", "away"),
  }),
  replicas: fc.array(replica, { maxLength: 3 }),
  thermalState: fc.constantFrom("unknown", "nominal", "fair", "serious", "critical"),
  power: record({ source: fc.constantFrom("unknown", "mains", "battery"), watts: fc.option(positive, { nil: null }) }),
  heartbeatIntervalMs: fc.integer({ min: 10, max: 60_000 }),
  files: fc.array(
    record({
      digest: fc.constant("ab".repeat(32)),
      bytes: count,
      heldBytes: count,
      state: fc.constantFrom("pulling", "verifying", "verified", "failed"),
      failure: fc.option(failure, { nil: null }),
    }),
    { maxLength: 3 },
  ),
  endedAttempts: fc.array(runningAttempt, { maxLength: 3 }),
  lines: fc.array(record({ address: fc.constant("10.0.0.7:8486"), bytesPerSecond: fc.integer({ min: 0, max: 1e9 }) }), {
    maxLength: 3,
  }),
});

/** Bytes of a message's own class compare as equal to those of its subclasses. */
function plainBytes({ requestId, epoch, frame: inner }: AddressedFrame): AddressedFrame {
  if (inner.kind !== "tokens") return { requestId, epoch, frame: inner };
  const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
  const logprobs = inner.logprobs?.map(({ logprob, top }) => ({
    logprob,
    top: top.map((other) => ({ ...other, text: plain(other.text) })),
  }));
  return { requestId, epoch, frame: { ...inner, texts: inner.texts.map(plain), logprobs: logprobs ?? null } };
}

test("an attempt is the same after a journey over the wire", () => {
  fc.assert(
    fc.property(attempt, (value) => {
      const bytes = pomona.NodeGenerateRequest.serialize(attemptToWire(value));
      assert.deepEqual(attemptFromWire(pomona.NodeGenerateRequest.deserialize(bytes)), value);
    }),
  );
});

test("a frame is the same after a journey over the wire", () => {
  fc.assert(
    fc.property(frame, hexId, positive, (value, requestId, epoch) => {
      const addressed = { requestId, epoch, frame: value };
      const bytes = pomona.NodeGenerateResponse.serialize(attemptFrameToWire(addressed));
      assert.deepEqual(plainBytes(attemptFrameFromWire(pomona.NodeGenerateResponse.deserialize(bytes))), addressed);
    }),
  );
});

test("a node's status is the same after a journey over the wire", () => {
  fc.assert(fc.property(status, (value) => assert.deepEqual(decodeNodeStatus(encodeNodeStatus(value)), value)));
});

test("a replica's specification is the same after a journey over the wire", () => {
  const files = [
    { name: "a-00001-of-00002.gguf", bytes: 7, digest: "cd".repeat(32) },
    { name: "a-00002-of-00002.gguf", bytes: 9, digest: null },
  ];
  for (const contextLength of [null, 4096]) {
    const engine = { ...defaultEngineOptions, gpuLayers: contextLength && 0, kvType: "q8_0", usesMmap: false } as const;
    const spec = { model: "tiny", source: "builtin:tiny", slots: 4, contextLength, engine, files, revision: "5f3a" };
    const bytes = pomona.ReplicaSpec.serialize(replicaSpecToWire(spec));
    assert.deepEqual(replicaSpecFromWire(pomona.ReplicaSpec.deserialize(bytes)), spec);
  }
});

const noChat = { messages: [], tools: [], templateOptions: "", isSystemShared: false, continuesLast: false };

test("prompt inputs are the same after a journey over the wire", () => {
  const chat = {
    kind: "chat",
    messages: [
      { role: "user", content: "hé", name: "Ada" },
      { role: "assistant", content: "", reasoning: "hm", toolCalls: [{ id: "1", name: "time", arguments: "{}" }] },
      { role: "tool", content: "noon", toolCallId: "1" },
    ],
    tools: [
      { name: "time", description: "what time it is", parameters: { type: "object" } },
      { name: "date", parameters: {}, strict: "always" },
    ],
    templateOptions: { enable_thinking: false, reasoning_effort: "low" },
    isSystemShared: true,
  } as const;
  const begun = { ...chat, messages: [{ role: "assistant", content: " {" }], continuesLast: true } as const;
  const text = { kind: "text", text: "" } as const;
  const tokens = { kind: "tokens", tokenIds: [1, 2] } as const;
  const gap = { kind: "infill", prefix: "", suffix: "}" } as const;
  for (const input of [chat, begun, text, tokens, gap]) {
    const bytes = pomona.InferenceGenerateRequest.serialize(generateInputToWire(input));
    assert.deepEqual(generateInputFromWire(pomona.InferenceGenerateRequest.deserialize(bytes)), input);
  }
  for (const input of [chat, begun, text, gap]) {
    const bytes = pomona.NodeTokenizeRequest.serialize(tokenizeInputToWire(input));
    assert.deepEqual(tokenizeInputFromWire(pomona.NodeTokenizeRequest.deserialize(bytes)), input);
  }
});

test("sampling that is not set is greedy, and unset shares mean all", () => {
  assert.deepEqual(samplingFromWire(null), defaultSampling);
  const empty = pomona.Sampling.deserialize(Buffer.alloc(0));
  assert.deepEqual(samplingFromWire(empty), defaultSampling);
});

test("values out of range are invalid_request with their field", () => {
  const empty = pomona.Sampling.deserialize(Buffer.alloc(0));
  const refused = (run: () => unknown, field: string): void => assert.throws(run, { code: "invalid_request", field });
  const nan = Number.NaN;
  const dry = { multiplier: 1, base: 0, allowedLength: 0, lastTokens: 0 };
  const cases: readonly (readonly [string, Partial<typeof empty>])[] = [
    ["sampling.temperature", { temperature: nan }],
    ["sampling.temperature", { temperature: -0.1 }],
    ["sampling.temperature", { temperature: 1e9 }],
    ["sampling.top_p", { topP: 1.5 }],
    ["sampling.min_p", { minP: -1 }],
    ["sampling.typical_p", { typicalP: 1.5 }],
    ["sampling.penalty_last_tokens", { penaltyLastTokens: 2 ** 20 + 1 }],
    ["sampling.seed", { seed: 2 ** 53 }],
    ["sampling.repeat_penalty", { repeatPenalty: Number.POSITIVE_INFINITY }],
    ["sampling.presence_penalty", { presencePenalty: 1e9 }],
    ["sampling.frequency_penalty", { frequencyPenalty: nan }],
    ["sampling.logit_bias[0].bias", { logitBias: [{ tokenId: 1, bias: nan }] }],
    ["sampling.logit_bias", { logitBias: new Array(1025).fill({ tokenId: 1, bias: 0 }) }],
    ["sampling.dry.multiplier", { dry: { ...dry, multiplier: nan } }],
    ["sampling.dry.base", { dry: { ...dry, base: 0.5 } }],
    ["sampling.dry.last_tokens", { dry: { ...dry, lastTokens: 1e9 } }],
  ];
  for (const [field, changes] of cases) refused(() => samplingFromWire({ ...empty, ...changes }), field);
  const request = pomona.NodeGenerateRequest.deserialize(Buffer.alloc(0));
  const valid = { ...request, requestId: "a".repeat(32), epoch: 1, replicaId: "r", promptTokenIds: [1], maxTokens: 1 };
  refused(() => attemptFromWire({ ...valid, requestId: "x" }), "request_id");
  refused(() => attemptFromWire({ ...valid, epoch: 0 }), "epoch");
  refused(() => attemptFromWire({ ...valid, promptTokenIds: [] }), "prompt_token_ids");
  refused(() => attemptFromWire({ ...valid, promptChunkLengths: [2] }), "prompt_chunk_lengths");
  refused(() => attemptFromWire({ ...valid, maxTokens: 0 }), "max_tokens");
  refused(() => attemptFromWire({ ...valid, emittedTokenIds: [1] }), "emitted_token_ids");
  refused(() => attemptFromWire({ ...valid, stopTokenIds: new Array(10_000).fill(1) }), "stop_token_ids");
  refused(() => attemptFromWire({ ...valid, topLogprobs: 21 }), "top_logprobs");
  refused(() => attemptFromWire({ ...valid, orphanMs: 60_001 }), "orphan_ms");
  refused(() => attemptFromWire({ ...valid, takeover: Buffer.alloc(64 * 1024 + 1) }), "takeover");
  refused(() => attemptFromWire({ ...valid, grammar: "a".repeat(513 * 1024) }), "grammar");
  const message = { role: "robot", content: "", reasoning: "", toolCalls: [], toolCallId: "", name: "" };
  refused(
    () => tokenizeInputFromWire({ input: "chat", chat: { ...noChat, messages: [message] } }),
    "chat.messages[0].role",
  );
  const user = { ...message, role: "user" };
  const tool = { name: "t", description: "", parameters: "{", strict: false };
  refused(
    () => tokenizeInputFromWire({ input: "chat", chat: { ...noChat, messages: [user], tools: [tool] } }),
    "chat.tools[0].parameters",
  );
  refused(
    () =>
      tokenizeInputFromWire({
        input: "chat",
        chat: { ...noChat, messages: [user], templateOptions: "[1]" },
      }),
    "chat.template_options",
  );
  const assistant = { ...message, role: "assistant" };
  const called = { ...assistant, content: "a", toolCalls: [{ id: "1", name: "t", arguments: "" }] };
  for (const last of [user, assistant, called])
    refused(
      () => tokenizeInputFromWire({ input: "chat", chat: { ...noChat, messages: [last], continuesLast: true } }),
      "chat.continues_last",
    );
  refused(() => tokenizeInputFromWire({}), "input");
  const unprompted = pomona.InferenceGenerateRequest.serialize({ promptTokenIds: { ids: [1] }, suffix: "}" });
  refused(() => generateInputFromWire(pomona.InferenceGenerateRequest.deserialize(unprompted)), "suffix");
});

test("random bytes are never taken for a status, and never throw anything but invalid_request", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(() => decodeNodeStatus(bytes), { code: "invalid_request" });
    }),
  );
});
