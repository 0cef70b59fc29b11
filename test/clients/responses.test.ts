// Clients that speak the Responses API beside chat completions: the Agents SDK and LangChain call a tool by it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIResponsesModel, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { skip, useClientPool } from "./client-pool.ts";
import { said } from "./known-models.ts";
import { report, weatherArguments, weatherDescription, weatherOf, weatherParameters } from "./weather.ts";

const pool = useClientPool();
// Traces would go to OpenAI.
const runner = new Runner({ tracingDisabled: true });

function modelOf(name = "assistant"): OpenAIResponsesModel {
  return new OpenAIResponsesModel(new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 }), name);
}

const weather = tool({
  name: "get_weather",
  description: weatherDescription,
  parameters: weatherArguments,
  execute: ({ city }) => weatherOf(city),
});

test("an agent calls its tool and tells the result, whole and streamed", { skip }, async () => {
  const agent = new Agent({ name: "Weather", instructions: "Be brief.", model: modelOf(), tools: [weather] });
  const whole = await runner.run(agent, "What is the weather in Paris?");
  assert.equal(whole.finalOutput, said.weather);
  const stream = await runner.run(agent, "The weather of both?", { stream: true });
  for await (const _event of stream);
  assert.equal(stream.finalOutput, said.both);
});

test("an agent goes on from the response before, and gives its type of output", { skip }, async () => {
  const agent = new Agent({ name: "Host", model: modelOf() });
  const { lastResponseId } = await runner.run(agent, "Hello?");
  assert.match(lastResponseId ?? "", /^resp_[0-9a-f]{32}$/);
  const next = await runner.run(agent, "Hello?", { previousResponseId: lastResponseId ?? "" });
  assert.equal(next.finalOutput, said.hello);
  const typed = new Agent({ name: "Typed", model: modelOf(), outputType: report });
  assert.deepEqual((await runner.run(typed, "Report.")).finalOutput, { city: "Paris", degrees: 21 });
  await assert.rejects(runner.run(agent, "a".repeat(9000)), { code: "context_length_exceeded", param: "input" });
});

test("LangChain calls a bound tool and tells its result, and streams", { skip }, async () => {
  const configuration = { baseURL: `${pool.url}/v1` };
  const model = new ChatOpenAI({
    model: "assistant",
    apiKey: "none",
    maxRetries: 0,
    useResponsesApi: true,
    configuration,
  });
  const bound = langchainTool((input) => weatherOf(weatherArguments.parse(input).city), {
    name: "get_weather",
    description: weatherDescription,
    schema: weatherParameters,
  });
  const withTool = model.bindTools([bound]);
  const question = new HumanMessage("What is the weather in Paris?");
  const asked = await withTool.invoke([question]);
  const [call] = asked.tool_calls ?? [];
  assert.ok(call);
  const result: unknown = await bound.invoke({ ...call, type: "tool_call" });
  assert.ok(result instanceof ToolMessage);
  assert.equal((await withTool.invoke([question, asked, result])).text, said.weather);
  let text = "";
  for await (const chunk of await model.stream("Hello?")) text += chunk.text;
  assert.equal(text, said.hello);
});

test("LangChain gives documents that match their schema, and errors keep their code", { skip }, async () => {
  const configuration = { baseURL: `${pool.url}/v1` };
  const by = { apiKey: "none", maxRetries: 0, useResponsesApi: true, configuration };
  const chat = new ChatOpenAI({ ...by, model: "assistant" });
  const document = await chat.withStructuredOutput(report, { method: "jsonSchema", name: "report" }).invoke("Report.");
  assert.deepEqual(document, { city: "Paris", degrees: 21 });
  await assert.rejects(new ChatOpenAI({ ...by, model: "gpt-9" }).invoke("Hello?"), { code: "model_not_found" });
});
