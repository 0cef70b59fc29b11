// The typed client of `pomona.v1.Inference` against a pool of real engines: what it gets, and lines that are cut.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { InferenceGenerateRequest } from "@pomona/proto/generated/pomona/v1/InferenceGenerateRequest";
import type { PomonaError } from "@pomona/shared/core/errors";
import { countingModel, predictCounting } from "@pomona/shared/core/gguf/counting-model";
import { predictRelevance, relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { type GenerateEvent, PomonaClient } from "@pomona/shared/grpc/inference-client";
import { TcpProxy } from "../chaos/tcp-proxy.ts";
import { runExample } from "../examples/inference-client-example.ts";
import { TwoNodes } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";

const deadlineMs = 30_000;

/** Shows its tools as Hermes' models do; the last character of the last message decides the answer. */
const chatTemplate =
  "{% if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}" +
  "{% for message in messages %}{{ message.content }}{% endfor %}";
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ name: "get_weather", description: "", parameters: JSON.stringify(city) }];
const replies = {
  a: '<think>I should look it up.</think>Let me see. <tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
  b: "The sun shines in Oslo today.",
};

let pool: TwoNodes;
let client: PomonaClient;

before(async () => {
  pool = await TwoNodes.start({
    engine: "llama",
    models: {
      scripted: scriptedModel({
        name: "scripted",
        reply: "Nothing that is asked.",
        replies,
        chatTemplate,
        isPooled: true,
      }),
      thinking: scriptedModel({
        name: "thinking",
        reply: "No.",
        replies,
        chatTemplate: `{# <think> #}${chatTemplate}`,
      }),
      counting: countingModel({ variant: "cycle" }),
      relevance: relevanceModel(),
    },
  });
  client = new PomonaClient([pool.grpc]);
});

after(async () => {
  await client?.close();
  await pool?.close();
});

type Whole = {
  readonly text: string;
  readonly reasoning: string;
  readonly name: string;
  readonly arguments: string;
  readonly events: readonly GenerateEvent[];
};

function wholeOf(events: readonly GenerateEvent[]): Whole {
  const whole = { text: "", reasoning: "", name: "", arguments: "" };
  for (const event of events) {
    if (event.kind === "text") whole.text += event.text;
    if (event.kind === "reasoning") whole.reasoning += event.text;
    if (event.kind === "toolCall") {
      whole.name += event.name;
      whole.arguments += event.arguments;
    }
  }
  return { ...whole, events };
}

async function generate(request: InferenceGenerateRequest, of = client): Promise<Whole> {
  const events: GenerateEvent[] = [];
  for await (const event of of.generate(request, { timeoutMs: deadlineMs })) events.push(event);
  return wholeOf(events);
}

function chat(content: string, model = "scripted", withTools = false): InferenceGenerateRequest {
  return { model, chat: { messages: [{ role: "user", content }], ...(withTools ? { tools } : {}) } };
}

const endingOf = ({ events }: Whole) => events.find((event) => event.kind === "ending");

/** Requests that ended because their client wanted no more. */
async function cancelled(): Promise<number> {
  const series = await pool.series("pomona_requests_total");
  const own = [...series].filter(([labels]) => labels.includes('api="grpc"') && labels.includes('"cancelled"'));
  return own.reduce((sum, [, count]) => sum + count, 0);
}

test("an answer comes as events of known kinds, with one ending", async () => {
  const answer = await generate({ model: "counting", prompt: "a", maxTokens: 50 });
  assert.equal(answer.text, predictCounting("a", 50, "cycle"));
  const bound = answer.events.find((event) => event.kind === "bound");
  assert.match(bound?.requestId ?? "", /^[0-9a-f]{32}$/);
  assert.equal(endingOf(answer)?.reason, "FINISH_REASON_LENGTH");
  assert.equal(answer.events.at(-1)?.kind, "ending");
});

test("a schema is enforced, whatever the model would rather say", async () => {
  const schema = { type: "object", properties: { weather: { enum: ["sunny"] } }, required: ["weather"] };
  const output = { jsonSchema: JSON.stringify(schema) };
  const { text } = await generate({ ...chat("What is it like? b"), output, maxTokens: 200 });
  assert.deepEqual(JSON.parse(text), { weather: "sunny" });
  const wrong = generate({ ...chat("b"), output: { jsonSchema: "{" } });
  await assert.rejects(wrong, { code: "invalid_request", field: "output.json_schema" });
});

test("tools are called as the model likes, as required, or by name, and arguments come in pieces", async () => {
  const free = await generate(chat("a", "scripted", true));
  assert.deepEqual([free.name, JSON.parse(free.arguments)], ["get_weather", { city: "Oslo" }]);
  const pieces = free.events.filter((event) => event.kind === "toolCall");
  assert.ok(pieces.length > 2);
  assert.deepEqual([pieces.at(0)?.index, pieces.at(-1)?.isLast, pieces.at(-1)?.isComplete], [0, true, true]);
  assert.match(pieces.at(0)?.id ?? "", /^[0-9a-z]{9}$/);
  for (const toolChoice of ["required", "tool:get_weather"]) {
    const request = { ...chat("b", "scripted", true), output: { toolChoice, singleCall: true }, maxTokens: 400 };
    const forced = await generate(request);
    assert.equal(forced.name, "get_weather", toolChoice);
    assert.equal(forced.text, "");
  }
  const none = await generate({ ...chat("b", "scripted", true), output: { toolChoice: "none" } });
  assert.deepEqual([none.name, none.text], ["", replies.b]);
  const unknown = generate({ ...chat("b", "scripted", true), output: { toolChoice: "tool:other" } });
  await assert.rejects(unknown, { code: "invalid_request" });
});

test("thoughts are told from the answer", async () => {
  const { reasoning, text, name } = await generate(chat("a", "thinking", true));
  assert.equal(reasoning, "I should look it up.");
  assert.equal(text.trim(), "Let me see.");
  assert.equal(name, "get_weather");
});

test("log-probabilities come with the tokens of the text", async () => {
  const { text, events } = await generate({ ...chat("b"), output: { topLogprobs: 2 } });
  const tokens = events.flatMap((event) => (event.kind === "text" ? event.tokens : []));
  assert.equal(Buffer.concat(tokens.map((token) => token.text)).toString(), text);
  for (const { logprob, top } of tokens) {
    assert.ok(logprob <= 0 && logprob > -1);
    assert.equal(top.length, 2);
  }
});

test("vectors, relevance, tokens and models are answered by the same client", async () => {
  const { embeddings, promptTokens } = await client.embed({
    model: "scripted",
    inputs: [{ text: "b" }, { text: "x" }],
  });
  assert.equal(embeddings.length, 2);
  const [first = []] = embeddings.map(({ values }) => values);
  assert.ok(Math.abs(first.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-4);
  assert.ok(promptTokens >= 2);
  const tokenIds = await client.tokenize({ model: "scripted", text: "b" });
  const again = await client.embed({
    model: "scripted",
    inputs: [{ tokenIds: { ids: [...tokenIds] } }],
    dimensions: 8,
  });
  assert.equal(again.embeddings[0]?.values.length, 8);
  const { results } = await client.rerank({ model: "relevance", query: "q", documents: ["-", "+", "++"], topN: 2 });
  assert.deepEqual(
    results.map(({ index }) => index),
    [2, 1],
  );
  assert.ok(Math.abs((results[0]?.score ?? 0) - predictRelevance("q", "++")) < 1e-4);
  assert.equal((await client.models()).length, 4);
  await assert.rejects(client.embed({ model: "counting", inputs: [{ text: "a" }] }), {
    code: "invalid_request",
    message: /^model counting makes no embeddings/,
  });
  await assert.rejects(client.embed({ model: "scripted", inputs: [{ text: "x".repeat(2000) }] }), {
    code: "context_length_exceeded",
    field: "inputs[0]",
  });
});

test("a signal, and leaving the loop, end the work in the pool", async () => {
  const before = await cancelled();
  const stop = new AbortController();
  const long = { model: "counting", prompt: "a", maxTokens: 7000 };
  const aborted = (async (): Promise<void> => {
    for await (const event of client.generate(long, { signal: stop.signal })) if (event.kind === "text") stop.abort();
  })();
  await assert.rejects(aborted, { code: "cancelled" });
  await waitFor(async () => (await cancelled()) === before + 1, 5000, "the aborted answer has ended");
  for await (const event of client.generate(long)) if (event.kind === "text") break;
  await waitFor(async () => (await cancelled()) === before + 2, 5000, "the answer that was left has ended");
});

test("a deadline is told as the pool's own ending or error", async () => {
  const events: GenerateEvent[] = [];
  const late = (async (): Promise<void> => {
    const request = { model: "counting", prompt: "a", maxTokens: 8000 };
    for await (const event of client.generate(request, { timeoutMs: 150 })) events.push(event);
  })();
  const outcome = await late.then(
    () => events.at(-1),
    (error: PomonaError) => error.code,
  );
  if (typeof outcome === "string") assert.equal(outcome, "deadline_exceeded");
  else assert.equal(outcome?.kind === "ending" ? outcome.reason : "", "FINISH_REASON_EXPIRED");
});

test("an answer goes on after its connection was lost, again and again, with neither a gap nor a repetition", async () => {
  const proxy = await TcpProxy.start();
  proxy.target = pool.grpc;
  const through = new PomonaClient([proxy.address]);
  let text = "";
  let cuts = 0;
  let requestIds = new Set<string>();
  const request = { model: "counting", prompt: "a", maxTokens: 4000 };
  for await (const event of through.generate(request, { timeoutMs: deadlineMs })) {
    if (event.kind === "bound") requestIds = requestIds.add(event.requestId);
    if (event.kind !== "text") continue;
    text += event.text;
    if (text.length < 800 * (cuts + 1) || cuts === 3) continue;
    cuts += 1;
    proxy.reset();
  }
  assert.equal(cuts, 3);
  assert.equal(text, predictCounting("a", 4000, "cycle"));
  assert.equal(requestIds.size, 1);
  await through.close();
  await proxy.close();
});

test("without a coordinator the first call fails at once, and says so", async () => {
  const nobody = new PomonaClient(["127.0.0.1:1"]);
  await assert.rejects(generate({ model: "counting", prompt: "a" }, nobody), { code: "node_lost" });
  await nobody.close();
});

test("the example runs", async () => {
  let written = "";
  await runExample(pool.grpc, { chat: "scripted", vectors: "scripted" }, (text) => {
    written += text;
  });
  const [answer, json, vectors, end] = written.split("\n");
  assert.equal(answer, replies.b);
  assert.equal(json, '{"city":"Oslo"}');
  assert.match(vectors ?? "", /^2 vectors of \d+ values$/);
  assert.equal(end, "stopped");
});
