// The loop with links that record, on a clock that a test moves by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PomonaError } from "@pomona/shared/core/errors";
import { type Attempt, type AttemptFrame, defaultSampling } from "@pomona/shared/core/generation";
import type { NodeId } from "@pomona/shared/core/ids";
import { fixedSizing } from "@pomona/shared/core/model-sizing";
import { plainForm } from "@pomona/shared/core/output/answer-form";
import { shownText } from "@pomona/shared/core/output/output-delta";
import { createLogger } from "@pomona/shared/runtime/logger";
import { Coordinator } from "./coordinator.ts";
import { defaultCoreConfig } from "./core/core-config.ts";
import type { Announcement } from "./core/effect.ts";
import { freeOutput, type GenerationEvent, type GenerationRequest } from "./core/generation-request.ts";
import { emptyState } from "./core/state.ts";
import { ending, failureOf, memoryOf, recordOf, replicaOf, statusOf, tokens } from "./core/test-pool.ts";
import { CoordinatorMetrics } from "./metrics.ts";
import type { TokenizeCall, TokenizedPrompt } from "./tokenizer.ts";

const never = (): AbortSignal => new AbortController().signal;

/** A request of three prompt tokens that is given by its ids. */
function requestOf(changes: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    api: "grpc",
    model: "m",
    input: { kind: "tokens", tokenIds: [1, 2, 3] },
    sampling: { ...defaultSampling, seed: null },
    maxTokens: 10,
    stop: [],
    timeoutMs: null,
    output: freeOutput,
    ...changes,
  };
}

class Bench {
  readonly started: { readonly nodeId: NodeId; readonly attempt: Attempt }[] = [];
  readonly cancelled: string[] = [];
  readonly announcements: Announcement[] = [];
  readonly coordinator: Coordinator;
  readonly #metrics: CoordinatorMetrics;
  nowMs = 1000;
  tokenize: (call: TokenizeCall) => Promise<Omit<TokenizedPrompt, "digest">> = async () => ({
    tokenIds: [1, 2, 3],
    stop: [],
    tokensLeftOut: 0,
    sharedTokens: 0,
    form: plainForm,
  });

  constructor(config: Partial<typeof defaultCoreConfig> = {}) {
    const state = emptyState();
    const metrics = new CoordinatorMetrics(state);
    const done = async (): Promise<void> => undefined;
    const coordinator: Coordinator = new Coordinator(
      { ...defaultCoreConfig, ...config },
      {
        clock: { nowMs: () => this.nowMs, wallMs: () => 0 },
        log: createLogger({ name: "test", level: "silent" }),
        links: {
          connect: (nodeId) => coordinator.take({ kind: "linkUp", nodeId }),
          disconnect: () => undefined,
          loadReplica: done,
          unloadReplica: done,
          inspectModel: async ({ nodeId, model, source, runKey }) => {
            const sizing = fixedSizing(100, memoryOf(4));
            const found = { files: [], isInPlace: true, pinnedSource: source, variants: [], sizing };
            coordinator.take({
              kind: "modelInspected",
              nodeId,
              model,
              runKey,
              outcome: { kind: "found", inspection: found },
            });
          },
          askSource: async () => ({ kind: "failed", failure: failureOf("node_lost") }),
          pullModel: done,
          cancelPull: () => undefined,
          startAttempt: (nodeId, attempt) => void this.started.push({ nodeId, attempt }),
          cancelAttempt: ({ requestId, epoch }) => void this.cancelled.push(`${requestId}/${epoch}`),
          keepAttempts: () => undefined,
          takeUpAttempt: () => undefined,
          holdState: () => undefined,
          dropState: () => undefined,
          embed: async (inputs) => inputs.map(() => ({ vector: Float32Array.of(1), tokens: 1 })),
          rank: async (_query, documents) => documents.map(() => ({ score: 1, tokens: 1 })),
          tokenize: (call) => this.tokenize(call),
        },
        metrics,
        pin: () => undefined,
        metricsText: () => metrics.registry.metrics(),
        publish: (announcement) => void this.announcements.push(announcement),
      },
      state,
    );
    this.#metrics = metrics;
    this.coordinator = coordinator;
  }

  /** Nodes that are alive and have a ready replica of `m` each. */
  withNodes(...nodeIds: readonly NodeId[]): this {
    this.coordinator.take({ kind: "deploymentSet", record: recordOf({}) });
    for (const nodeId of nodeIds) {
      const status = statusOf(nodeId, { replicas: [replicaOf(`r-${nodeId}`)] });
      this.coordinator.take({ kind: "heartbeat", status, address: `${nodeId}:1` });
    }
    return this;
  }

  loseEveryNode(): void {
    this.nowMs += 10_000;
    this.coordinator.take({ kind: "tick" });
  }

  /** Generates, and collects the events in the background. */
  async generate(changes: Partial<GenerationRequest> = {}, signal: AbortSignal = never()) {
    const { requestId, events } = await this.coordinator.generate(requestOf(changes), {
      tenant: "",
      priority: "interactive",
      signal,
    });
    const seen: GenerationEvent[] = [];
    const ended = (async () => {
      for await (const event of events) seen.push(event);
    })();
    return { requestId, seen, ended };
  }

  frame(requestId: string, epoch: number, frame: AttemptFrame): void {
    this.coordinator.take({ kind: "frame", requestId, epoch, frame });
  }

  async metric(name: string): Promise<Record<string, number>> {
    const metric = await this.#metrics.registry.getSingleMetric(name)?.get();
    const values = metric?.values.map(({ labels, value }) => [Object.values(labels).join(" "), value] as const) ?? [];
    return Object.fromEntries(values);
  }
}

const textOf = (events: readonly GenerationEvent[]): string =>
  events.map((event) => (event.kind === "output" ? shownText(event.deltas) : "")).join("");
const kindsOf = (events: readonly GenerationEvent[]): string[] => events.map(({ kind }) => kind);
const ids = (text: string): number[] => [...new TextEncoder().encode(text)];

test("a request is bound, streams whole characters and ends once", async () => {
  const bench = new Bench().withNodes("a");
  const { requestId, seen, ended } = await bench.generate();
  assert.match(requestId, /^[0-9a-f]{32}$/);
  bench.frame(requestId, 1, {
    kind: "accepted",
    slot: 0,
    cachedPromptTokens: 1,
    cachedChunkLengths: [1],
    promptTokens: 3,
  });
  bench.frame(requestId, 1, { kind: "prefill", evaluatedTokens: 3, totalTokens: 3, chunkLength: 2 });
  bench.frame(requestId, 1, tokens(0, ids("aé").slice(0, 2)));
  bench.frame(requestId, 1, tokens(2, ids("aé").slice(2)));
  bench.frame(requestId, 1, ending("length", 3));
  await ended;
  assert.deepEqual(kindsOf(seen), ["bound", "progress", "output", "output", "ending"]);
  assert.equal(textOf(seen), "aé");
  assert.deepEqual(await bench.metric("pomona_requests_total"), { "m grpc finished": 1 });
  assert.deepEqual(await bench.metric("pomona_generated_tokens_total"), { "m a": 3 });
  assert.deepEqual(await bench.metric("pomona_prefix_cached_tokens_total"), { "m a": 1 });
});

test("at a stop string the node is cancelled and the answer ends as stop before it", async () => {
  const bench = new Bench().withNodes("a");
  const { requestId, seen, ended } = await bench.generate({ stop: ["END"] });
  bench.frame(requestId, 1, tokens(0, ids("yes EN")));
  bench.frame(requestId, 1, tokens(6, ids("Dno")));
  await ended;
  assert.equal(textOf(seen), "yes ");
  const last = seen.at(-1);
  assert.equal(last?.kind === "ending" && last.ending.reason, "stop");
  assert.deepEqual(bench.cancelled, [`${requestId}/1`]);
});

test("without a seed a random one of 53 bits is drawn and told; a given one is kept", async () => {
  const bench = new Bench().withNodes("a", "b");
  await bench.generate();
  await bench.generate({ sampling: { ...defaultSampling, seed: 7 } });
  const [drawn, given] = bench.started.map(({ attempt }) => attempt.decoding.sampling.seed);
  assert.ok(drawn !== undefined && Number.isSafeInteger(drawn) && drawn > 2 ** 20);
  assert.equal(given, 7);
});

test("a client that leaves frees its slot at once, wherever its request is", async () => {
  const bench = new Bench().withNodes("a");
  const clients = [new AbortController(), new AbortController(), new AbortController()];
  const running = [];
  for (const client of clients) running.push(await bench.generate({}, client.signal));
  assert.equal(bench.started.length, 2, "the third one waits");
  // The one that waits leaves first, or a slot that becomes free would be given to it.
  for (const client of clients.reverse()) client.abort(new PomonaError("cancelled", "the client has gone"));
  await Promise.all(running.map(({ ended }) => ended));
  assert.equal(bench.cancelled.length, 2);
  assert.equal(bench.coordinator.state.requests.size, 0);
  assert.deepEqual(await bench.metric("pomona_requests_total"), { "m grpc cancelled": 3 });
});

const lost = { code: "node_lost", message: "the connection broke", isRetryable: true } as const;

test("a node that is lost in the middle costs no token: the next one continues after what was sent", async () => {
  const bench = new Bench().withNodes("a", "b");
  const { requestId, seen, ended } = await bench.generate();
  const first = bench.started[0];
  assert.ok(first);
  bench.frame(requestId, 1, tokens(0, ids("abc")));
  bench.coordinator.take({ kind: "attemptFailed", requestId, epoch: 1, failure: lost });
  const second = bench.started[1];
  assert.ok(second);
  assert.notEqual(second.nodeId, first.nodeId);
  assert.deepEqual(second.attempt.emittedTokenIds, ids("abc"));
  bench.frame(requestId, 1, tokens(3, ids("XY")));
  bench.frame(requestId, 2, tokens(3, ids("de")));
  bench.frame(requestId, 2, ending("length", 5));
  await ended;
  assert.equal(textOf(seen), "abcde");
  assert.deepEqual(await bench.metric("pomona_resumes_total"), { "m node_lost resumed": 1 });
  assert.equal((await bench.metric("pomona_dropped_frames_total"))["old_epoch"], 1);
});

test("when every node is gone a request is refused at once, also one whose prompt is known", async () => {
  const bench = new Bench().withNodes("a");
  const known = { input: { kind: "text", text: "hello" } } as const;
  await bench.generate(known);
  bench.loseEveryNode();
  await assert.rejects(bench.generate(known), { code: "model_not_ready", retryAfterMs: 2000 });
  assert.deepEqual(await bench.metric("pomona_node_up"), { a: 0 });
});

test("a node that dies while the prompt is tokenized refuses the request instead of queueing it", async () => {
  const bench = new Bench().withNodes("a");
  bench.tokenize = async () => {
    bench.loseEveryNode();
    return { tokenIds: [1], stop: [], tokensLeftOut: 0, sharedTokens: 0, form: plainForm };
  };
  await assert.rejects(bench.generate({ input: { kind: "text", text: "x" } }), { code: "model_not_ready" });
  assert.equal(bench.coordinator.state.queue.length, 0);
});

test("a prompt that was cut for a smaller context than there is now is never answered", async () => {
  const bench = new Bench().withNodes("a");
  bench.tokenize = async () => ({ tokenIds: [1], tokensLeftOut: 2, stop: [], sharedTokens: 0, form: plainForm });
  const cut = { input: { kind: "text", text: "x" } } as const;
  await assert.rejects(bench.generate(cut), { code: "model_not_ready", retryAfterMs: 1000 });
  assert.equal(bench.started.length, 0);
});

test("a request waits for a model that is loading, and is answered when it is ready", async () => {
  const bench = new Bench();
  bench.coordinator.take({ kind: "deploymentSet", record: recordOf({}) });
  bench.coordinator.take({ kind: "heartbeat", status: statusOf("a"), address: "a:1" });
  const waiting = bench.generate({ input: { kind: "text", text: "hello" } });
  const status = statusOf("a", { sequence: 2, replicas: [replicaOf("r-a")] });
  bench.coordinator.take({ kind: "heartbeat", status, address: "a:1" });
  await waiting;
  assert.deepEqual(
    bench.started.map(({ nodeId }) => nodeId),
    ["a"],
  );
});

test("whoever waits for a load is told how far it is, and refused with that when it takes longer than anyone waits", async () => {
  const bench = new Bench({ loadPatienceMs: 5000 });
  bench.coordinator.take({ kind: "deploymentSet", record: recordOf({}) });
  bench.coordinator.take({ kind: "heartbeat", status: statusOf("a"), address: "a:1" });
  const waiting = bench.generate({ input: { kind: "text", text: "hello" } });
  const heard = assert.rejects(waiting, (thrown: PomonaError) => {
    assert.equal(thrown.code, "model_not_ready");
    const { state, percent, readyInMs } = thrown.loading ?? {};
    assert.equal(state, "loading");
    assert.ok((percent ?? 0) > 50 && (percent ?? 0) < 100 && readyInMs !== null);
    assert.ok((thrown.retryAfterMs ?? 0) >= 1000);
    return true;
  });
  assert.equal(bench.coordinator.state.awaited.get("m")?.count, 1);
  bench.nowMs += 5000;
  bench.coordinator.take({ kind: "heartbeat", status: statusOf("a", { sequence: 2 }), address: "a:1" });
  await heard;
  assert.equal(bench.coordinator.state.awaited.has("m"), false);
});

test("a load that is expected to take longer than anyone waits is a refusal at once", async () => {
  const bench = new Bench({ loadPatienceMs: 1 });
  bench.coordinator.take({ kind: "deploymentSet", record: recordOf({}) });
  bench.coordinator.take({ kind: "heartbeat", status: statusOf("a"), address: "a:1" });
  await assert.rejects(bench.generate({ input: { kind: "text", text: "hello" } }), { code: "model_not_ready" });
});

test("those that wait for tokens count against the limit of the queue", async () => {
  const bench = new Bench({ queueLengthMax: 2 }).withNodes("a");
  bench.tokenize = () => new Promise(() => undefined);
  for (const text of ["x", "y"]) void bench.generate({ input: { kind: "text", text } });
  await assert.rejects(bench.generate({ input: { kind: "text", text: "z" } }), { code: "queue_full" });
});

test("refusals are counted by what they are, and names that clients make up are no labels", async () => {
  const bench = new Bench().withNodes("a");
  const count = (model: string, code: ConstructorParameters<typeof PomonaError>[0]) =>
    bench.coordinator.countRefusal("openai", model, new PomonaError(code, "as planned"));
  await assert.rejects(bench.generate({ model: "gpt-9" }), { code: "model_not_found" });
  count("gpt-9", "model_not_found");
  count("m", "queue_full");
  count("m", "node_lost");
  count("m", "deadline_exceeded");
  assert.deepEqual(await bench.metric("pomona_requests_total"), {
    "other openai rejected": 1,
    "m openai rejected": 1,
    "m openai failed": 1,
    "m openai expired": 1,
  });
});

test("a coordinator that stops is not ready, refuses what is new, and ends what runs with a reason to retry", async () => {
  const bench = new Bench().withNodes("a");
  const { requestId, seen, ended } = await bench.generate();
  bench.frame(requestId, 1, tokens(0, ids("ab")));
  bench.coordinator.stopTaking();
  assert.equal(bench.coordinator.readiness().isReady, false);
  await assert.rejects(bench.generate(), { code: "shutting_down" });
  bench.coordinator.close();
  await ended;
  const last = seen.at(-1);
  assert.ok(last?.kind === "ending");
  assert.deepEqual(last.ending.failure?.code, "shutting_down");
  assert.equal(last.ending.failure.isRetryable, true);
  assert.equal(last.ending.usage.generatedTokens, 2);
  assert.deepEqual(bench.cancelled, [`${requestId}/1`], "the node is told as well");
});

test("a coordinator that stops wakes those that wait for a replica", async () => {
  const bench = new Bench();
  bench.coordinator.take({ kind: "deploymentSet", record: recordOf({}) });
  bench.coordinator.take({ kind: "heartbeat", status: statusOf("a"), address: "a:1" });
  const waiting = bench.generate({ input: { kind: "text", text: "hello" } });
  bench.coordinator.close();
  await assert.rejects(waiting, { code: "shutting_down" });
});

test("a forgotten node takes its series with it", async () => {
  const bench = new Bench().withNodes("a", "b");
  for (let i = 0; i < 2; i += 1) {
    const { requestId } = await bench.generate();
    bench.frame(requestId, 1, tokens(0, ids("x")));
  }
  assert.deepEqual(await bench.metric("pomona_generated_tokens_total"), { "m a": 1, "m b": 1 });
  assert.deepEqual(await bench.metric("pomona_model_survives_node_loss"), { m: 1 });
  bench.loseEveryNode();
  bench.coordinator.take({ kind: "nodeForgotten", nodeId: "a" });
  assert.deepEqual(await bench.metric("pomona_generated_tokens_total"), { "m b": 1 });
  assert.deepEqual(await bench.metric("pomona_node_up"), { b: 0 });
  assert.deepEqual(await bench.metric("pomona_model_survives_node_loss"), { m: 0 });
});

test("when a coordinator stops, what somebody can come back for is left with its node, and the rest is ended there", async () => {
  const bench = new Bench().withNodes("a", "b");
  // By then all nodes have told what they still ran.
  bench.nowMs += 3000;
  const caller = { tenant: "", priority: "interactive", signal: never() } as const;
  const plain = await bench.coordinator.generate(requestOf(), caller);
  await bench.coordinator.generate(requestOf(), { ...caller, isStreamed: true });
  await bench.coordinator.generate(requestOf(), { ...caller, idempotencyKey: "key" });
  const left = new AbortController();
  const { events } = await bench.coordinator.generate(requestOf(), {
    ...caller,
    isStreamed: true,
    signal: left.signal,
  });
  const reading = (async () => {
    for await (const _ of events);
  })();
  left.abort(new PomonaError("shutting_down", "its server stops first"));
  await reading;
  await bench.generate();
  assert.equal(bench.started.length, 4, "one waits");
  bench.coordinator.endAll();
  assert.deepEqual(bench.cancelled, [`${plain.requestId}/1`]);
  assert.equal(bench.started.length, 4, "a slot that becomes free is given to nobody");
});
