// OpenAI's own SDK: responses, with tools, documents, thoughts and what the pool keeps of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import type { FunctionTool, Response, ResponseInput } from "openai/resources/responses/responses";
import { skip, useClientPool } from "./client-pool.ts";
import { called, said } from "./known-models.ts";
import { report, reportSchema, weatherDescription, weatherOf, weatherParameters } from "./weather.ts";

const pool = useClientPool();
const client = (): OpenAI => new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 });

const weather: FunctionTool = {
  type: "function",
  name: "get_weather",
  description: weatherDescription,
  parameters: weatherParameters,
  strict: false,
};
const withTool = { model: "assistant", tools: [weather] };

function callsOf({ output }: Pick<Response, "output">) {
  return output.flatMap((item) =>
    item.type === "function_call" ? [{ name: item.name, arguments: item.arguments }] : [],
  );
}

test("a response is whole, with its usage, and streamed with every event in its order", { skip }, async () => {
  const request = { model: "assistant", instructions: "Be kind.", input: "Hello?" };
  const whole = await client().responses.create(request);
  assert.deepEqual([whole.object, whole.status, whole.output_text], ["response", "completed", said.hello]);
  assert.ok(whole.usage);
  assert.equal(whole.usage.total_tokens, whole.usage.input_tokens + whole.usage.output_tokens);
  const stream = client().responses.stream(request);
  const numbers: number[] = [];
  const kinds: string[] = [];
  let text = "";
  for await (const event of stream) {
    numbers.push(event.sequence_number);
    if (kinds.at(-1) !== event.type) kinds.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index),
  );
  assert.deepEqual(kinds, [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  assert.equal(text, said.hello);
  assert.equal((await stream.finalResponse()).output_text, said.hello);
});

test("an answer that reaches its limit is incomplete, and says why", { skip }, async () => {
  const cut = await client().responses.create({ model: "assistant", input: "Hello?", max_output_tokens: 2 });
  assert.deepEqual([cut.status, cut.incomplete_details?.reason], ["incomplete", "max_output_tokens"]);
});

test("a tool is called, and its result is told with the whole conversation or with the response before", {
  skip,
}, async () => {
  const question: ResponseInput = [{ role: "user", content: "What is the weather in Paris?" }];
  const first = await client().responses.create({ ...withTool, input: question });
  assert.deepEqual(callsOf(first), [called.weather]);
  const id = first.output.flatMap((item) => (item.type === "function_call" ? [item.call_id] : []))[0] ?? assert.fail();
  const result = { type: "function_call_output", call_id: id, output: weatherOf("Paris") } as const;
  // What the SDK gives is what it takes, but for its types.
  const again = first.output as ResponseInput;
  const told = await client().responses.create({ ...withTool, input: [...question, ...again, result] });
  assert.equal(told.output_text, said.weather);
  const next = await client().responses.create({ ...withTool, previous_response_id: first.id, input: [result] });
  assert.equal(next.output_text, said.weather);
});

test("several calls come streamed, their arguments in pieces", { skip }, async () => {
  const stream = client().responses.stream({ ...withTool, input: "The weather of both?" });
  let pieces = "";
  stream.on("response.function_call_arguments.delta", ({ delta }) => {
    pieces += delta;
  });
  assert.deepEqual(callsOf(await stream.finalResponse()), called.both);
  assert.equal(pieces, called.both.map(({ arguments: text }) => text).join(""));
});

test("a call that has to be made is made, and none where none may be", { skip }, async () => {
  for (const tool_choice of ["required", { type: "function", name: "get_weather" }] as const) {
    assert.deepEqual(callsOf(await client().responses.create({ ...withTool, input: "The weather?", tool_choice })), [
      called.weather,
    ]);
  }
  const none = await client().responses.create({ ...withTool, input: "The weather?", tool_choice: "none" });
  assert.equal(none.output_text, said.hello);
});

test("an answer matches its schema, parsed and streamed", { skip }, async () => {
  const request = { model: "assistant", input: "Report." };
  const parsed = await client().responses.parse({ ...request, text: { format: zodTextFormat(report, "report") } });
  assert.deepEqual(parsed.output_parsed, { city: "Paris", degrees: 21 });
  const format = { type: "json_schema", name: "report", schema: reportSchema } as const;
  const stream = client().responses.stream({ ...request, text: { format } });
  assert.deepEqual(JSON.parse((await stream.finalResponse()).output_text), { city: "Paris", degrees: 21 });
});

test("thoughts are an item of their own, whole and streamed", { skip }, async () => {
  const request = { model: "thinker", input: "A number?" };
  const whole = await client().responses.create(request);
  const streamed = await client().responses.stream(request).finalResponse();
  for (const { output, output_text } of [whole, streamed]) {
    const [thought] = output;
    assert.ok(thought?.type === "reasoning");
    assert.equal((thought.content ?? []).map(({ text }) => text).join(""), said.thoughts);
    assert.equal(output_text, said.afterThoughts.trimStart());
  }
  const without = await client().responses.create({ ...request, reasoning: { effort: "none" } });
  assert.deepEqual([without.output.length, without.output_text], [1, said.hello]);
});

test("responses are kept, continued, listed and deleted, unless they are not to be", { skip }, async () => {
  const first = await client().responses.create({ model: "assistant", input: "Hello?" });
  const second = await client().responses.create({
    model: "assistant",
    previous_response_id: first.id,
    input: "And now?",
  });
  assert.ok((second.usage?.input_tokens ?? 0) > (first.usage?.input_tokens ?? 0));
  assert.equal((await client().responses.retrieve(second.id)).output_text, said.hello);
  const items = [];
  for await (const item of client().responses.inputItems.list(second.id)) items.push(item.type);
  assert.deepEqual(items, ["message", "message", "message"]);
  await client().responses.delete(second.id);
  await assert.rejects(client().responses.retrieve(second.id), OpenAI.NotFoundError);
  const unkept = await client().responses.create({ model: "assistant", input: "Hello?", store: false });
  await assert.rejects(client().responses.retrieve(unkept.id), OpenAI.NotFoundError);
});

test("errors are the SDK's own, with code and field", { skip }, async () => {
  const table = [
    [{ model: "gpt-9" }, [404, "model_not_found", "model"], /assistant.*thinker/],
    [{ model: "gpt-9", stream: true }, [404, "model_not_found", "model"], /assistant.*thinker/],
    [{ temperature: 3 }, [400, "invalid_request", "temperature"], /temperature/],
    [{ colour: "red" }, [400, "invalid_request", "colour"], /colour/],
    [{ previous_response_id: "resp_0" }, [400, "previous_response_not_found", "previous_response_id"], /resp_0/],
    [{ input: "a".repeat(9000) }, [400, "context_length_exceeded", "input"], /8192.*\b90\d\d\b/],
  ] as const;
  for (const [body, expected, message] of table) {
    await assert.rejects(
      client().responses.create({ model: "assistant", input: "Hello?", ...body }),
      (error: unknown) => {
        assert.ok(error instanceof OpenAI.APIError);
        assert.deepEqual([error.status, error.code, error.param], expected);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});
