// Vercel's AI SDK: what its streams are made of, streams that are left, and what OpenAI's provider adds over responses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, type LanguageModel, stepCountIs, streamObject, streamText, tool } from "ai";
import { skip, useClientPool } from "./client-pool.ts";
import { called, said } from "./known-models.ts";
import { report, weatherArguments, weatherDescription, weatherOf } from "./weather.ts";

const pool = useClientPool();

const options = () => ({ baseURL: `${pool.url}/v1`, apiKey: "none" });
const responses = (model: string): LanguageModel => createOpenAI(options()).responses(model);
const providers: Readonly<Record<string, (model: string) => LanguageModel>> = {
  "@ai-sdk/openai-compatible": (model) =>
    createOpenAICompatible({ ...options(), name: "pomona", supportsStructuredOutputs: true })(model),
  "@ai-sdk/openai, chat": (model) => createOpenAI(options()).chat(model),
  "@ai-sdk/openai, responses": responses,
};

const tools = {
  get_weather: tool({
    description: weatherDescription,
    inputSchema: weatherArguments,
    execute: ({ city }) => weatherOf(city),
  }),
};
const question = { role: "user" as const, content: "What is the weather in Paris?" };

for (const [name, provider] of Object.entries(providers)) {
  const asked = () => ({ model: provider("assistant"), maxRetries: 0 });

  test(`${name}: arguments of a call come piece by piece`, { skip }, async () => {
    const { fullStream } = streamText({ ...asked(), tools, messages: [question] });
    const deltas: string[] = [];
    const types = new Set<string>();
    for await (const part of fullStream) {
      types.add(part.type);
      if (part.type === "tool-input-delta") deltas.push(part.delta);
    }
    assert.equal(deltas.join(""), called.weather.arguments);
    assert.ok(deltas.length > 1);
    assert.ok(types.has("tool-input-start") && types.has("tool-input-end") && !types.has("error"), [...types].join());
  });

  test(`${name}: an object comes piece by piece`, { skip }, async () => {
    const stream = streamObject({ ...asked(), schema: report, prompt: "Report." });
    const parts: unknown[] = [];
    for await (const part of stream.partialObjectStream) parts.push(part);
    assert.deepEqual(parts.at(-1), { city: "Paris", degrees: 21 });
    assert.ok(parts.length > 1);
    assert.deepEqual(await stream.object, { city: "Paris", degrees: 21 });
  });

  test(`${name}: a stream that is left ends as aborted, and not as an error`, { skip }, async () => {
    const leaving = new AbortController();
    const { fullStream } = streamText({ ...asked(), prompt: "Hello?", abortSignal: leaving.signal });
    const types = new Set<string>();
    for await (const part of fullStream) {
      types.add(part.type);
      if (part.type === "text-delta") leaving.abort();
    }
    assert.ok(types.has("abort") && !types.has("error"), [...types].join());
  });
}

test("responses: a conversation goes on from what is kept, from its items, and from itself alone", {
  skip,
}, async () => {
  const asked = () => ({ model: responses("assistant"), maxRetries: 0, tools });
  const first = await generateText({ ...asked(), messages: [question] });
  const id = first.providerMetadata?.["openai"]?.["responseId"];
  assert.ok(typeof id === "string");
  const [call] = first.toolCalls;
  assert.deepEqual(call?.input, { city: "Paris" });
  // The provider refers to the call by its id.
  const second = await generateText({ ...asked(), messages: [question, ...first.response.messages] });
  assert.equal(second.text, said.weather);
  const after = await generateText({
    ...asked(),
    messages: first.response.messages.filter(({ role }) => role === "tool"),
    providerOptions: { openai: { previousResponseId: id } },
  });
  assert.equal(after.text, said.weather);
  const alone = { openai: { store: false } };
  const whole = await generateText({
    ...asked(),
    messages: [question],
    stopWhen: stepCountIs(2),
    providerOptions: alone,
  });
  assert.equal(whole.text, said.weather);
});

test("responses: thoughts are told, and come back where nothing is kept", { skip }, async () => {
  const openai = {
    store: false,
    forceReasoning: true,
    reasoningSummary: "auto",
    include: ["reasoning.encrypted_content"],
  };
  const asked = { model: responses("thinker"), maxRetries: 0, providerOptions: { openai } };
  const first = streamText({ ...asked, prompt: "A number?" });
  assert.equal((await first.reasoningText)?.trim(), said.thoughts);
  const { messages } = await first.response;
  const again = { role: "user" as const, content: "Again?" };
  const second = await generateText({
    ...asked,
    messages: [{ role: "user", content: "A number?" }, ...messages, again],
  });
  assert.equal(second.text, said.afterThoughts.trimStart());
});
