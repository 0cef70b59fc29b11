// Ollama's own client: chat, generate, tools, thoughts, documents, and what there is to list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ollama, type Tool } from "ollama";
import { skip, useClientPool } from "./client-pool.ts";
import { called, said } from "./known-models.ts";
import { reportSchema, weatherDescription, weatherOf, weatherParameters } from "./weather.ts";

const pool = useClientPool();
const client = (): Ollama => new Ollama({ host: pool.url });

const user = (content: string) => [{ role: "user", content }];
const weather: Tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: weatherDescription,
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, unit: { type: "string", enum: ["celsius", "fahrenheit"] } },
      required: [...weatherParameters.required],
    },
  },
};

test("a chat is answered whole and streamed, with its counts", { skip }, async () => {
  const whole = await client().chat({ model: "assistant", messages: user("Hello?") });
  assert.deepEqual([whole.message.role, whole.message.content], ["assistant", said.hello]);
  assert.deepEqual([whole.done, whole.done_reason], [true, "stop"]);
  assert.ok(whole.prompt_eval_count > 0 && whole.eval_count > 3 && whole.total_duration > 0);
  const parts = [];
  for await (const part of await client().chat({ model: "assistant", messages: user("Hello?"), stream: true })) {
    parts.push(part);
  }
  assert.equal(parts.map(({ message }) => message.content).join(""), said.hello);
  assert.ok(parts.length > 3);
  assert.deepEqual(
    parts.map(({ done }) => done),
    parts.map((_, index) => index === parts.length - 1),
  );
  assert.equal(parts.at(-1)?.eval_count, whole.eval_count);
});

test("a prompt is continued whole and streamed, with options and a limit", { skip }, async () => {
  const request = { model: "assistant", prompt: "Hello?" };
  const whole = await client().generate(request);
  assert.deepEqual([whole.response, whole.done_reason], [said.hello, "stop"]);
  let text = "";
  for await (const { response } of await client().generate({ ...request, stream: true })) text += response;
  assert.equal(text, said.hello);
  const options = { num_predict: 2, temperature: 0, seed: 1, top_k: 40, top_p: 0.9, min_p: 0, repeat_penalty: 1.1 };
  const cut = await client().generate({ ...request, options, keep_alive: "5m" });
  assert.deepEqual([cut.done_reason, cut.eval_count], ["length", 2]);
  const stopped = await client().generate({ ...request, options: { stop: ["pool"] } });
  assert.equal(stopped.response?.trim(), "Good day! The");
});

test("the gap before a suffix is filled by a model that says that it can", { skip }, async () => {
  const asked = { prompt: "def f():", suffix: "return x" };
  assert.equal((await client().generate({ model: "assistant", ...asked })).response, said.hello);
  assert.ok((await client().show({ model: "assistant" })).capabilities.includes("insert"));
  await assert.rejects(client().generate({ model: "thinker", ...asked }), { status_code: 400, message: /suffix/ });
});

test("a prompt goes on from the context of the answer before", { skip }, async () => {
  const first = await client().generate({ model: "assistant", prompt: "Hello?" });
  let last = first;
  const request = { model: "assistant", prompt: "Hello?", context: first.context, stream: true } as const;
  for await (const part of await client().generate(request)) last = part;
  assert.ok(last.context.length > first.context.length);
  assert.ok(last.prompt_eval_count > first.prompt_eval_count + first.eval_count);
});

test("a tool is called, and its result is told", { skip }, async () => {
  const question = user("What is the weather in Paris?");
  const first = await client().chat({ model: "assistant", messages: question, tools: [weather] });
  const [call, ...others] = first.message.tool_calls ?? [];
  assert.ok(call !== undefined && others.length === 0);
  assert.deepEqual(call.function.arguments, JSON.parse(called.weather.arguments));
  const result = { role: "tool", content: weatherOf("Paris"), tool_name: "get_weather" };
  const messages = [...question, first.message, result];
  const second = await client().chat({ model: "assistant", messages, tools: [weather] });
  assert.equal(second.message.content, said.weather);
});

test("several calls come streamed, each of them whole", { skip }, async () => {
  const calls = [];
  const messages = user("The weather of both?");
  for await (const { message } of await client().chat({
    model: "assistant",
    messages,
    tools: [weather],
    stream: true,
  })) {
    calls.push(...(message.tool_calls ?? []));
  }
  assert.deepEqual(
    calls.map(({ function: { name, arguments: given } }) => ({ name, arguments: given })),
    called.both.map(({ name, arguments: text }) => ({ name, arguments: JSON.parse(text) as unknown })),
  );
});

test("thoughts stand beside the answer, and are left out where they are not wanted", { skip }, async () => {
  const request = { model: "thinker", messages: user("A number?") };
  const { message } = await client().chat({ ...request, think: true });
  assert.deepEqual([message.thinking, message.content], [said.thoughts, said.afterThoughts.trimStart()]);
  let thoughts = "";
  for await (const part of await client().chat({ ...request, think: true, stream: true })) {
    thoughts += part.message.thinking ?? "";
  }
  assert.equal(thoughts, said.thoughts);
  const without = await client().chat({ ...request, think: false });
  assert.deepEqual([without.message.thinking ?? "", without.message.content], ["", said.hello]);
});

test("an answer matches its schema, or is any JSON object", { skip }, async () => {
  for (const format of [reportSchema, "json"]) {
    const { message } = await client().chat({ model: "assistant", messages: user("Report."), format });
    assert.deepEqual(JSON.parse(message.content), { city: "Paris", degrees: 21 });
  }
});

test("an answer goes on from what the assistant says last", { skip }, async () => {
  const messages = [...user("Report."), { role: "assistant", content: "{" }];
  const whole = await client().chat({ model: "assistant", messages });
  assert.equal(whole.message.content, said.begun);
  let text = "";
  for await (const part of await client().chat({ model: "assistant", messages, stream: true }))
    text += part.message.content;
  assert.equal(text, said.begun);
});

test("what there is, what it is, what is loaded, and the version", { skip }, async () => {
  const { models } = await client().list();
  assert.deepEqual(models.map(({ name }) => name).sort(), ["assistant:latest", "thinker:latest"]);
  assert.equal((await client().pull({ model: "assistant" })).status, "success");
  for (const { digest, size } of models) assert.ok(typeof digest === "string" && size > 0);
  const shown = await client().show({ model: "thinker" });
  assert.ok(shown.details.family !== "");
  assert.ok(shown.capabilities.includes("completion") && shown.capabilities.includes("thinking"));
  assert.ok(shown.template !== "" && shown.details.parameter_size !== "" && shown.details.quantization_level !== "");
  assert.ok((await client().ps()).models.length > 0);
  assert.match((await client().version()).version, /^\d+\.\d+\.\d+/);
});

test("errors have their status and name what was wrong", { skip }, async () => {
  const failed = (status: number, message: RegExp) => (error: object) => {
    assert.ok("status_code" in error && error instanceof Error);
    assert.equal(error.status_code, status);
    assert.match(error.message, message);
    return true;
  };
  const chat = (body: object) => client().chat({ model: "assistant", messages: user("Hello?"), ...body });
  await assert.rejects(chat({ model: "gpt-9" }), failed(404, /gpt-9/));
  await assert.rejects(chat({ options: { temperature: -1 } }), failed(400, /temperature/));
  await assert.rejects(chat({ options: { colour: "red" } }), failed(400, /colour/));
  await assert.rejects(chat({ messages: user("a".repeat(9000)) }), failed(400, /8192.*\b90\d\d\b/));
});
