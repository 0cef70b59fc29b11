// What gRPC clients ask of a standby beside streams: vectors, relevance, and the end of a request that somebody else began.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pomona } from "@pomona/proto/load";
import { toPomonaError } from "@pomona/shared/core/errors";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { callUnary, createInferenceClient } from "@pomona/shared/grpc/client";
import { CoordinatorTeam, runningRequests } from "../support/coordinator-team.ts";
import { GrpcGeneration } from "../support/grpc-generation.ts";
import { natsSkipReason } from "../support/nats-server.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const timeoutMs = 15_000;
const { Embed, Rerank, Cancel } = pomona.Inference.service;
let team: CoordinatorTeam;

before(async () => {
  if (skip !== false) return;
  const reply = "Nothing to say.";
  const models = {
    vectors: scriptedModel({ name: "vectors", reply, isPooled: true }),
    relevance: relevanceModel(),
    // Counts until its context is full.
    counting: countingModel({ variant: "cycle" }),
  };
  team = await CoordinatorTeam.start(["a", "b"], { engine: "llama", models });
});

after(() => team?.close());

/** Asks the coordinator of that name. */
async function asked<Result>(
  name: string,
  ask: (client: ReturnType<typeof createInferenceClient>) => Promise<Result>,
): Promise<Result> {
  const client = createInferenceClient(team.at(name).grpc);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

const texts = Array.from({ length: 100 }, (_, index) => "+".repeat(index % 7) + "-".repeat(1 + (index % 5)));

async function embedded(name: string) {
  const request = { model: "vectors", inputs: texts.map((text) => ({ text })), dimensions: 8 };
  return await asked(name, (client) =>
    callUnary(client, Embed, { request, timeoutMs, signal: AbortSignal.timeout(timeoutMs) }),
  );
}

async function ranked(name: string, model = "relevance") {
  const request = { model, query: "q+", documents: texts, topN: 5 };
  return await asked(name, (client) =>
    callUnary(client, Rerank, { request, timeoutMs, signal: AbortSignal.timeout(timeoutMs) }),
  );
}

async function cancel(name: string, request: { readonly requestId?: string; readonly idempotencyKey?: string }) {
  return await asked(name, (client) =>
    callUnary(client, Cancel, { request, timeoutMs, signal: AbortSignal.timeout(timeoutMs) }),
  );
}

test("vectors and relevance through a standby are those of the active one, and so are refusals", { skip }, async () => {
  const [active, standby = ""] = await team.one();
  await waitFor(
    () =>
      Promise.all([embedded(active), ranked(active)]).then(
        () => true,
        () => false,
      ),
    4 * timeoutMs,
  );
  const [direct, through] = [await embedded(active), await embedded(standby)];
  assert.equal(through.embeddings.length, texts.length);
  assert.deepEqual([through.embeddings, through.promptTokens], [direct.embeddings, direct.promptTokens]);
  const [first, second] = [await ranked(active), await ranked(standby)];
  assert.equal(second.results.length, 5);
  assert.deepEqual([second.results, second.promptTokens], [first.results, first.promptTokens]);
  const codes = await Promise.all(
    [active, standby].map((name) => ranked(name, "vectors").catch((thrown: unknown) => toPomonaError(thrown))),
  );
  assert.deepEqual(
    codes.map((error) => "code" in error && [error.code, error.field, error.message.slice(0, 20)]),
    Array(2).fill(["invalid_request", "model", "model vectors ranks "]),
  );
});

test("a request is ended through a standby, by its id and by its key, wherever it was begun", { skip }, async () => {
  const [active, standby = ""] = await team.one();
  const running = () => runningRequests(team.at(active).http);
  const request = { model: "counting", prompt: "a", maxTokens: 8000 };
  for (const [place, by] of [
    [active, "id"],
    [standby, "id"],
    [active, "key"],
    [standby, "key"],
  ] as const) {
    const generation = new GrpcGeneration();
    const key = `${place}-${by}`;
    const ended = generation.generate(team.at(place).grpc, { ...request, key });
    await waitFor(() => generation.lastIndex >= 0, timeoutMs, "the first token");
    await cancel(standby, by === "id" ? { requestId: generation.requestId } : { idempotencyKey: key });
    assert.equal(await ended, true);
    assert.deepEqual(generation.endings, ["FINISH_REASON_CANCELLED"]);
    await waitFor(async () => (await running()) === 0, timeoutMs, "nothing runs any more");
  }
  // What is not here has ended.
  await cancel(standby, { requestId: "ab".repeat(16) });
  await cancel(standby, { idempotencyKey: "never used" });
});

test("what ends with the active coordinator is asked of the next one, through the same standby", { skip }, async () => {
  const [active, standby = ""] = await team.one();
  const [vectors, relevance] = [await embedded(active), await ranked(active)];
  const generation = new GrpcGeneration();
  const ended = generation.generate(team.at(standby).grpc, { model: "counting", prompt: "a", maxTokens: 8000 });
  await waitFor(() => generation.lastIndex >= 0, timeoutMs, "the first token");
  await team.at(active).kill();
  // Nobody answers until the lease is over: that is said, and never anything else.
  const again = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    const answers: Answer[] = [];
    await waitFor(
      () =>
        ask().then(
          (answer) => answers.push(answer) > 0,
          (thrown: unknown) => {
            assert.match(toPomonaError(thrown).code, /^(no_active_coordinator|model_not_(found|ready))$/);
            return false;
          },
        ),
      4 * timeoutMs,
    );
    const [answer] = answers;
    assert.ok(answer !== undefined);
    return answer;
  };
  await again(() => cancel(standby, { requestId: generation.requestId }));
  await ended;
  assert.doesNotMatch(generation.endings.join(), /LENGTH/, "it did not go on to its end");
  assert.equal(await runningRequests(team.at(standby).http), 0);
  assert.deepEqual((await again(() => embedded(standby))).embeddings, vectors.embeddings);
  assert.deepEqual((await again(() => ranked(standby))).results, relevance.results);
});
