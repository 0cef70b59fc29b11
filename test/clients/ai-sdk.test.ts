// Vercel's AI SDK over chat completions, with its provider for compatible servers and with OpenAI's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  generateObject,
  generateText,
  type LanguageModel,
  Output,
  stepCountIs,
  streamText,
  tool,
} from "ai";
import { skip, useClientPool } from "./client-pool.ts";
import { said } from "./known-models.ts";
import { report, weatherArguments, weatherDescription, weatherOf } from "./weather.ts";

const pool = useClientPool();

type Provider = (model: string) => LanguageModel;
const options = () => ({ baseURL: `${pool.url}/v1`, apiKey: "none" });
const providers: Readonly<Record<string, Provider>> = {
  "@ai-sdk/openai-compatible": (model) =>
    createOpenAICompatible({ ...options(), name: "pomona", includeUsage: true, supportsStructuredOutputs: true })(
      model,
    ),
  "@ai-sdk/openai, chat": (model) => createOpenAI(options()).chat(model),
  "@ai-sdk/openai, responses": (model) => createOpenAI(options()).responses(model),
};

const weather = tool({
  description: weatherDescription,
  inputSchema: weatherArguments,
  execute: ({ city }) => weatherOf(city),
});
const tools = { get_weather: weather };

for (const [name, provider] of Object.entries(providers)) {
  const once = (model = "assistant") => ({ model: provider(model), maxRetries: 0 });

  test(`${name}: text, whole and streamed, with its usage`, { skip }, async () => {
    const { text, usage, finishReason } = await generateText({ ...once(), prompt: "Hello?" });
    assert.deepEqual([text, finishReason], [said.hello, "stop"]);
    assert.ok((usage.inputTokens ?? 0) > 0 && (usage.outputTokens ?? 0) > 3);
    const stream = streamText({ ...once(), prompt: "Hello?" });
    const pieces: string[] = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    assert.equal(pieces.join(""), said.hello);
    assert.ok(pieces.length > 3);
    assert.equal((await stream.usage).outputTokens, usage.outputTokens);
  });

  test(`${name}: a tool is called and its result is told, whole and streamed`, { skip }, async () => {
    const asked = { ...once(), tools, prompt: "What is the weather in Paris?", stopWhen: stepCountIs(3) };
    const { text, steps } = await generateText(asked);
    assert.equal(text, said.weather);
    assert.deepEqual(
      steps.flatMap(({ toolCalls }) => toolCalls.map(({ toolName, input }) => [toolName, input])),
      [["get_weather", { city: "Paris" }]],
    );
    const stream = streamText(asked);
    assert.equal(await stream.text, said.weather);
    assert.equal((await stream.steps).length, 2);
  });

  test(`${name}: two calls at once, and both results`, { skip }, async () => {
    const stream = streamText({ ...once(), tools, prompt: "The weather of both?", stopWhen: stepCountIs(3) });
    assert.equal(await stream.text, said.both);
    const [first] = await stream.steps;
    assert.deepEqual(
      first?.toolResults.map(({ output }) => output),
      [weatherOf("Paris"), weatherOf("Rome")],
    );
  });

  test(`${name}: a call that has to be made is made`, { skip }, async () => {
    const { toolCalls } = await generateText({ ...once(), tools, toolChoice: "required", prompt: "The weather?" });
    assert.deepEqual(
      toolCalls.map(({ input }) => input),
      [{ city: "Paris" }],
    );
    const named = await generateText({
      ...once(),
      tools,
      toolChoice: { type: "tool", toolName: "get_weather" },
      prompt: "The weather?",
    });
    assert.deepEqual(
      named.toolCalls.map(({ input }) => input),
      [{ city: "Paris" }],
    );
    const none = await generateText({ ...once(), tools, toolChoice: "none", prompt: "The weather?" });
    assert.deepEqual([none.toolCalls, none.text], [[], said.hello]);
  });

  test(`${name}: objects match their schema`, { skip }, async () => {
    const { object } = await generateObject({ ...once(), schema: report, prompt: "Report." });
    assert.deepEqual(object, { city: "Paris", degrees: 21 });
    const { output } = await generateText({ ...once(), output: Output.object({ schema: report }), prompt: "Report." });
    assert.deepEqual(output, { city: "Paris", degrees: 21 });
    const stream = streamText({ ...once(), output: Output.object({ schema: report }), prompt: "Report." });
    let last: unknown;
    for await (const part of stream.partialOutputStream) last = part;
    assert.deepEqual(last, { city: "Paris", degrees: 21 });
  });

  test(`${name}: errors are the SDK's own`, { skip }, async () => {
    const failed = (status: number, message: RegExp) => (error: unknown) => {
      assert.ok(APICallError.isInstance(error));
      assert.equal(error.statusCode, status);
      assert.match(error.message, message);
      return true;
    };
    await assert.rejects(generateText({ ...once("gpt-9"), prompt: "Hello?" }), failed(404, /assistant, thinker/));
    await assert.rejects(generateText({ ...once(), prompt: "Hello?", topP: 3 }), failed(400, /top_p/));
    await assert.rejects(generateText({ ...once(), prompt: "a".repeat(9000) }), failed(400, /8192.*\b90\d\d\b/));
  });
}

/** By the Responses API the SDK shows summaries alone, and asks only models that it takes for thinking ones for them. */
const summaries = { openai: { reasoningSummary: "auto", forceReasoning: true } };

for (const [name, providerOptions] of [
  ["@ai-sdk/openai-compatible", {}],
  ["@ai-sdk/openai, responses", summaries],
] as const)
  test(`${name}: thoughts are parts of their own`, { skip }, async () => {
    const asked = { model: providers[name]?.("thinker") ?? assert.fail(), prompt: "A number?", providerOptions };
    const whole = await generateText(asked);
    assert.deepEqual([whole.reasoningText, whole.text], [said.thoughts, said.afterThoughts.trimStart()]);
    const stream = streamText(asked);
    let thoughts = "";
    for await (const part of stream.fullStream) if (part.type === "reasoning-delta") thoughts += part.text;
    assert.equal(thoughts, said.thoughts);
    assert.equal(await stream.text, said.afterThoughts.trimStart());
  });
