// OpenAI's own SDK: chat completions, with tools, schemas, thoughts and all that its helpers make of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import type { ChatCompletion, ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources";
import { skip, useClientPool } from "./client-pool.ts";
import { called, said } from "./known-models.ts";
import { report, reportSchema, weatherArguments, weatherDescription, weatherOf, weatherParameters } from "./weather.ts";

const pool = useClientPool();
const client = (): OpenAI => new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 });

const user = (content: string): [ChatCompletionMessageParam] => [{ role: "user", content }];
const weatherTool: ChatCompletionTool = {
  type: "function",
  function: { name: "get_weather", description: weatherDescription, parameters: weatherParameters },
};
const withTool = { model: "assistant", tools: [weatherTool] };

test("a chat is answered whole, with its usage", { skip }, async () => {
  const answer = await client().chat.completions.create({ model: "assistant", messages: user("Hello?") });
  assert.equal(answer.choices[0]?.message.content, said.hello);
  assert.equal(answer.choices[0]?.finish_reason, "stop");
  assert.ok(answer.usage);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("the helper of streams puts the same answer together, and counts it", { skip }, async () => {
  const stream = client().chat.completions.stream({
    model: "assistant",
    messages: user("Hello?"),
    stream_options: { include_usage: true },
  });
  const deltas: string[] = [];
  stream.on("content", (delta) => deltas.push(delta));
  assert.equal(await stream.finalContent(), said.hello);
  assert.equal(deltas.join(""), said.hello);
  assert.ok(deltas.length > 3);
  const usage = await stream.totalUsage();
  assert.ok(usage.completion_tokens > 3);
  assert.equal((await stream.finalChatCompletion()).choices[0]?.finish_reason, "stop");
});

test("several choices, seeds, stop strings, log-probabilities and limits", { skip }, async () => {
  const answer = await client().chat.completions.create({
    model: "assistant",
    messages: user("Hello?"),
    n: 2,
    seed: 7,
    stop: ["pool"],
    logprobs: true,
    top_logprobs: 2,
  });
  assert.deepEqual(
    answer.choices.map(({ index, message }) => [index, message.content]),
    [
      [0, "Good day! The "],
      [1, "Good day! The "],
    ],
  );
  const tokens = answer.choices[0]?.logprobs?.content ?? [];
  assert.match(tokens.map(({ token }) => token).join(""), /^Good day! The/);
  for (const { logprob, top_logprobs } of tokens) assert.ok(logprob <= 0 && top_logprobs.length === 2);
  const short = await client().chat.completions.create({
    model: "assistant",
    messages: user("Hello?"),
    max_completion_tokens: 2,
  });
  assert.equal(short.choices[0]?.finish_reason, "length");
  assert.equal(short.usage?.completion_tokens, 2);
});

test("thoughts stand beside the answer, whole and streamed, and are left out where they are not wanted", {
  skip,
}, async () => {
  const request = { model: "thinker", messages: user("A number?") };
  const whole = await client().chat.completions.create(request);
  const message = whole.choices[0]?.message;
  assert.equal(message?.content, said.afterThoughts.trimStart());
  assert.equal(thoughtsOf(message), said.thoughts);
  let [thoughts, text] = ["", ""];
  for await (const { choices } of await client().chat.completions.create({ ...request, stream: true })) {
    thoughts += thoughtsOf(choices[0]?.delta);
    text += choices[0]?.delta.content ?? "";
  }
  assert.deepEqual([thoughts, text], [said.thoughts, said.afterThoughts.trimStart()]);
  const without = await client().chat.completions.create({ ...request, reasoning_effort: "none" });
  assert.deepEqual([thoughtsOf(without.choices[0]?.message), without.choices[0]?.message.content], ["", said.hello]);
});

/** OpenAI's types do not know the field; servers of open models have it. */
function thoughtsOf(part: object | undefined): string {
  return part !== undefined && "reasoning_content" in part ? String(part.reasoning_content) : "";
}

test("a tool is called as the model likes, and its result is told", { skip }, async () => {
  const question = user("What is the weather in Paris?");
  const first = await client().chat.completions.create({ ...withTool, messages: question });
  const message = first.choices[0]?.message;
  assert.equal(first.choices[0]?.finish_reason, "tool_calls");
  assert.equal(message?.content, null);
  const [call, ...others] = message?.tool_calls ?? [];
  assert.ok(message !== undefined && call?.type === "function" && others.length === 0);
  assert.deepEqual(call.function, called.weather);
  const second = await client().chat.completions.create({
    ...withTool,
    messages: [...question, message, { role: "tool", tool_call_id: call.id, content: weatherOf("Paris") }],
  });
  assert.equal(second.choices[0]?.message.content, said.weather);
});

test("a model that needs no tool answers, and one that may call none does not", { skip }, async () => {
  const free = await client().chat.completions.create({ ...withTool, messages: user("Hello?") });
  assert.equal(free.choices[0]?.message.content, said.hello);
  const none = await client().chat.completions.create({
    ...withTool,
    messages: user("What is the weather?"),
    tool_choice: "none",
  });
  assert.equal(none.choices[0]?.message.content, said.hello);
  assert.equal(none.choices[0]?.message.tool_calls, undefined);
});

test("several calls come streamed, their arguments in pieces", { skip }, async () => {
  const stream = client().chat.completions.stream({ ...withTool, messages: user("The weather of both?") });
  const pieces = new Map<number, string[]>();
  stream.on("tool_calls.function.arguments.delta", ({ index, arguments_delta }) => {
    pieces.set(index, [...(pieces.get(index) ?? []), arguments_delta]);
  });
  const { choices } = await stream.finalChatCompletion();
  const calls = (choices[0]?.message.tool_calls ?? []).map((call) => (call.type === "function" ? call.function : null));
  assert.deepEqual(
    calls.map((call) => ({ name: call?.name, arguments: call?.arguments })),
    called.both,
  );
  assert.deepEqual(
    [...pieces.values()].map((parts) => parts.join("")),
    called.both.map(({ arguments: text }) => text),
  );
  assert.ok([...pieces.values()].every((parts) => parts.length > 1));
  const one = await client().chat.completions.create({
    ...withTool,
    messages: user("The weather of both?"),
    parallel_tool_calls: false,
  });
  assert.equal(one.choices[0]?.message.tool_calls?.length, 1);
});

test("a call that has to be made is made, whatever the model would say", { skip }, async () => {
  const off: ChatCompletionTool = {
    type: "function",
    function: {
      name: "switch_lamp",
      parameters: {
        type: "object",
        properties: { to: { enum: ["off"] } },
        required: ["to"],
        additionalProperties: false,
      },
    },
  };
  const named = { type: "function", function: { name: "switch_lamp" } } as const;
  for (const choice of [
    { tools: [off], tool_choice: "required" },
    { tools: [weatherTool, off], tool_choice: named },
  ] as const) {
    const answer: ChatCompletion = await client().chat.completions.create({
      model: "assistant",
      messages: user("Hello?"),
      tools: [...choice.tools],
      tool_choice: choice.tool_choice,
    });
    const [call] = answer.choices[0]?.message.tool_calls ?? [];
    assert.ok(call?.type === "function");
    assert.equal(call.function.name, "switch_lamp");
    assert.deepEqual(JSON.parse(call.function.arguments), { to: "off" });
  }
});

test("the runner of tools goes all the way by itself", { skip }, async () => {
  const asked: string[] = [];
  const runner = client().chat.completions.runTools({
    model: "assistant",
    messages: user("What is the weather in Paris?"),
    tools: [
      zodFunction({
        name: "get_weather",
        description: weatherDescription,
        parameters: weatherArguments,
        function: ({ city }) => {
          asked.push(city);
          return weatherOf(city);
        },
      }),
    ],
  });
  assert.equal(await runner.finalContent(), said.weather);
  assert.deepEqual(asked, ["Paris"]);
});

test("an answer matches its schema, parsed, streamed and as any JSON object", { skip }, async () => {
  const request = { model: "assistant", messages: user("Report.") };
  const parsed = await client().chat.completions.parse({
    ...request,
    response_format: zodResponseFormat(report, "report"),
  });
  assert.deepEqual(parsed.choices[0]?.message.parsed, { city: "Paris", degrees: 21 });
  const stream = client().chat.completions.stream({
    ...request,
    response_format: { type: "json_schema", json_schema: { name: "report", schema: reportSchema, strict: true } },
  });
  assert.deepEqual(JSON.parse((await stream.finalContent()) ?? ""), JSON.parse(said.document));
  const object = await client().chat.completions.create({ ...request, response_format: { type: "json_object" } });
  assert.equal(object.choices[0]?.message.content, said.document);
});

test("errors are the SDK's own, with code and field", { skip }, async () => {
  const table = [
    [{ model: "gpt-9" }, [404, "model_not_found", "model"], /assistant.*thinker/],
    [{ model: "gpt-9", stream: true }, [404, "model_not_found", "model"], /assistant.*thinker/],
    [{ temperature: 3 }, [400, "invalid_request", "temperature"], /temperature/],
    [{ colour: "red" }, [400, "invalid_request", "colour"], /colour/],
    [{ messages: user("a".repeat(9000)) }, [400, "context_length_exceeded", "messages"], /8192.*\b90\d\d\b/],
  ] as const;
  for (const [body, expected, message] of table) {
    const request = { model: "assistant", messages: user("Hello?"), ...body };
    await assert.rejects(client().chat.completions.create(request), (error: unknown) => {
      assert.ok(error instanceof (expected[0] === 404 ? OpenAI.NotFoundError : OpenAI.BadRequestError));
      assert.deepEqual([error.status, error.code, error.param], expected);
      assert.match(error.message, message);
      assert.match(error.requestID ?? "", /^[0-9a-f]{32}$/);
      return true;
    });
  }
});
