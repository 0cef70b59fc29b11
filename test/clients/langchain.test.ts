// LangChain's ChatOpenAI: invoke, stream, tools and documents, over chat completions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { skip, useClientPool } from "./client-pool.ts";
import { said } from "./known-models.ts";
import { reportSchema, weatherArguments, weatherDescription, weatherOf, weatherParameters } from "./weather.ts";

const pool = useClientPool();
const chat = (model = "assistant"): ChatOpenAI =>
  new ChatOpenAI({ model, apiKey: "none", maxRetries: 0, configuration: { baseURL: `${pool.url}/v1` } });

const weather = tool((input) => weatherOf(weatherArguments.parse(input).city), {
  name: "get_weather",
  description: weatherDescription,
  schema: weatherParameters,
});

test("invoke and stream give the same answer, with its usage", { skip }, async () => {
  const answer = await chat().invoke("Hello?");
  assert.equal(answer.content, said.hello);
  assert.ok((answer.usage_metadata?.output_tokens ?? 0) > 3);
  const pieces: string[] = [];
  let usage = 0;
  for await (const chunk of await chat().stream("Hello?")) {
    pieces.push(chunk.text);
    usage += chunk.usage_metadata?.output_tokens ?? 0;
  }
  assert.equal(pieces.join(""), said.hello);
  assert.ok(pieces.length > 3);
  assert.equal(usage, answer.usage_metadata?.output_tokens);
});

test("a bound tool is called, and its result is told", { skip }, async () => {
  const model = chat().bindTools([weather]);
  const question = new HumanMessage("What is the weather in Paris?");
  const asked = await model.invoke([question]);
  const [call] = asked.tool_calls ?? [];
  assert.ok(call);
  assert.deepEqual([call.name, call.args], ["get_weather", { city: "Paris" }]);
  const result: unknown = await weather.invoke({ ...call, type: "tool_call" });
  assert.ok(result instanceof ToolMessage);
  assert.equal((await model.invoke([question, asked, result])).content, said.weather);
});

test("calls come streamed, and have to be made where that is asked for", { skip }, async () => {
  let all: Awaited<ReturnType<ChatOpenAI["invoke"]>> | null = null;
  for await (const chunk of await chat().bindTools([weather]).stream("The weather of both?")) {
    all = all === null ? chunk : all.concat(chunk);
  }
  assert.deepEqual(
    all?.tool_calls?.map(({ args }) => args),
    [{ city: "Paris" }, { city: "Rome" }],
  );
  for (const choice of ["required", "get_weather"]) {
    const { tool_calls } = await chat().bindTools([weather], { tool_choice: choice }).invoke("The weather?");
    assert.deepEqual(
      tool_calls?.map(({ args }) => args),
      [{ city: "Paris" }],
    );
  }
});

test("documents match their schema, by each of the methods", { skip }, async () => {
  for (const method of ["jsonSchema", "jsonMode"] as const) {
    const document = await chat()
      .withStructuredOutput({ ...reportSchema, title: "report" }, { method })
      .invoke("Report.");
    assert.deepEqual(document, { city: "Paris", degrees: 21 }, method);
  }
  const parameters = { ...weatherParameters, title: "get_weather" };
  const called = await chat()
    .withStructuredOutput(parameters, { method: "functionCalling", name: "get_weather" })
    .invoke("The weather?");
  assert.deepEqual(called, { city: "Paris" });
});

test("errors keep their status, code and message", { skip }, async () => {
  const failed = (status: number, code: string) => (error: object) => {
    assert.ok("status" in error && "code" in error);
    assert.deepEqual([error.status, error.code], [status, code]);
    return true;
  };
  await assert.rejects(chat("gpt-9").invoke("Hello?"), failed(404, "model_not_found"));
  await assert.rejects(chat().invoke("a".repeat(9000)), failed(400, "context_length_exceeded"));
  const wrong = new ChatOpenAI({
    model: "assistant",
    apiKey: "none",
    temperature: 3,
    maxRetries: 0,
    configuration: { baseURL: `${pool.url}/v1` },
  });
  await assert.rejects(wrong.invoke("Hello?"), failed(400, "invalid_request"));
});
