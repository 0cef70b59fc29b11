// OpenAI's Agents SDK: an agent that calls a tool, over chat completions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, OpenAIChatCompletionsModel, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { skip, useClientPool } from "./client-pool.ts";
import { said } from "./known-models.ts";
import { report, weatherArguments, weatherDescription, weatherOf } from "./weather.ts";

const pool = useClientPool();
// Traces would go to OpenAI.
const runner = new Runner({ tracingDisabled: true });

function modelOf(name = "assistant"): OpenAIChatCompletionsModel {
  // The SDK's own copy of the client and this one are the same package.
  return new OpenAIChatCompletionsModel(new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 }), name);
}

const asked: string[] = [];
const weather = tool({
  name: "get_weather",
  description: weatherDescription,
  parameters: weatherArguments,
  execute: ({ city }) => {
    asked.push(city);
    return weatherOf(city);
  },
});

test("an agent answers, whole and streamed", { skip }, async () => {
  const agent = new Agent({ name: "Host", instructions: "Be kind.", model: modelOf() });
  assert.equal((await runner.run(agent, "Hello?")).finalOutput, said.hello);
  const stream = await runner.run(agent, "Hello?", { stream: true });
  let text = "";
  for await (const piece of stream.toTextStream()) text += piece;
  await stream.completed;
  assert.equal(text, said.hello);
});

test("an agent calls its tool and tells the result, whole and streamed", { skip }, async () => {
  const agent = new Agent({ name: "Weather", instructions: "Be brief.", model: modelOf(), tools: [weather] });
  const whole = await runner.run(agent, "What is the weather in Paris?");
  assert.equal(whole.finalOutput, said.weather);
  const stream = await runner.run(agent, "The weather of both?", { stream: true });
  for await (const _event of stream);
  assert.equal(stream.finalOutput, said.both);
  assert.deepEqual(asked, ["Paris", "Paris", "Rome"]);
});

test("an agent that has to call its tool does, and one with a type of output gives it", { skip }, async () => {
  const forced = new Agent({
    name: "Forced",
    model: modelOf(),
    tools: [weather],
    modelSettings: { toolChoice: "required" },
    toolUseBehavior: "stop_on_first_tool",
  });
  assert.equal((await runner.run(forced, "The weather?")).finalOutput, weatherOf("Paris"));
  const typed = new Agent({ name: "Typed", model: modelOf(), outputType: report });
  assert.deepEqual((await runner.run(typed, "Report.")).finalOutput, { city: "Paris", degrees: 21 });
});

test("an agent hands over to another one", { skip }, async () => {
  const second = new Agent({ name: "weather", model: modelOf(), instructions: "You know the weather." });
  const first = new Agent({
    name: "Desk",
    model: modelOf(),
    handoffs: [second],
    modelSettings: { toolChoice: "transfer_to_weather" },
  });
  const result = await runner.run(first, "Hello?");
  assert.equal(result.lastAgent?.name, "weather");
});

test("errors reach whoever runs the agent", { skip }, async () => {
  const agent = new Agent({ name: "Nobody", model: modelOf("gpt-9") });
  await assert.rejects(runner.run(agent, "Hello?"), OpenAI.NotFoundError);
  const host = new Agent({ name: "Host", model: modelOf() });
  await assert.rejects(runner.run(host, "a".repeat(9000)), { code: "context_length_exceeded" });
});
