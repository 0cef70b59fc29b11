// Anthropic's own SDK: messages, with tools, thoughts, documents and counted tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import type { MessageParam, Tool } from "@anthropic-ai/sdk/resources";
import { skip, useClientPool } from "./client-pool.ts";
import { called, said } from "./known-models.ts";
import { report, weatherDescription, weatherOf, weatherParameters } from "./weather.ts";

const pool = useClientPool();
const client = (): Anthropic => new Anthropic({ baseURL: pool.url, apiKey: "none", maxRetries: 0 });

const user = (content: string): [MessageParam] => [{ role: "user", content }];
const assistant = { model: "assistant", max_tokens: 500 };
const weather: Tool = {
  name: "get_weather",
  description: weatherDescription,
  input_schema: { ...weatherParameters, required: [...weatherParameters.required] },
};
const withTool = { ...assistant, tools: [weather] };
const paris: unknown = JSON.parse(called.weather.arguments);

test("a message is answered whole and streamed, with its usage", { skip }, async () => {
  const whole = await client().messages.create({ ...assistant, system: "Be kind.", messages: user("Hello?") });
  assert.deepEqual(
    [whole.type, whole.role, whole.model, whole.stop_reason],
    ["message", "assistant", "assistant", "end_turn"],
  );
  assert.deepEqual(textsOf(whole.content), [said.hello]);
  assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 3);
  const stream = client().messages.stream({ ...assistant, messages: user("Hello?") });
  const pieces: string[] = [];
  stream.on("text", (piece) => pieces.push(piece));
  const final = await stream.finalMessage();
  assert.equal(pieces.join(""), said.hello);
  assert.ok(pieces.length > 3);
  assert.deepEqual([textsOf(final.content), final.stop_reason], [[said.hello], "end_turn"]);
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
});

function textsOf(content: readonly Anthropic.ContentBlock[]): string[] {
  return content.flatMap((block) => (block.type === "text" ? [block.text] : []));
}

function callsOf(content: readonly Anthropic.ContentBlock[]) {
  return content.flatMap((block) => (block.type === "tool_use" ? [{ name: block.name, input: block.input }] : []));
}

test("the end says why: a stop sequence, or the limit", { skip }, async () => {
  const stopped = await client().messages.create({ ...assistant, messages: user("Hello?"), stop_sequences: ["pool"] });
  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ["stop_sequence", "pool"]);
  const cut = await client().messages.create({ ...assistant, max_tokens: 2, messages: user("Hello?") });
  assert.deepEqual([cut.stop_reason, cut.usage.output_tokens], ["max_tokens", 2]);
});

test("a tool is called as the model likes, and its result is told", { skip }, async () => {
  const question = user("What is the weather in Paris?");
  const first = await client().messages.create({ ...withTool, messages: question });
  assert.equal(first.stop_reason, "tool_use");
  assert.deepEqual(callsOf(first.content), [{ name: "get_weather", input: paris }]);
  const id = first.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []))[0] ?? assert.fail();
  const second = await client().messages.create({
    ...withTool,
    messages: [
      ...question,
      { role: "assistant", content: first.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: weatherOf("Paris") }] },
    ],
  });
  assert.deepEqual(textsOf(second.content), [said.weather]);
});

test("several calls come streamed, their input in pieces", { skip }, async () => {
  const stream = client().messages.stream({ ...withTool, messages: user("The weather of both?") });
  let pieces = "";
  stream.on("inputJson", (piece) => {
    pieces += piece;
  });
  const { content } = await stream.finalMessage();
  const expected = called.both.map(({ name, arguments: text }) => ({ name, input: JSON.parse(text) as unknown }));
  assert.deepEqual(callsOf(content), expected);
  assert.equal(pieces, called.both.map(({ arguments: text }) => text).join(""));
});

test("a call that has to be made is made, and none where none may be", { skip }, async () => {
  for (const tool_choice of [{ type: "any" }, { type: "tool", name: "get_weather" }] as const) {
    const { content } = await client().messages.create({ ...withTool, messages: user("The weather?"), tool_choice });
    assert.deepEqual(callsOf(content), [{ name: "get_weather", input: paris }]);
  }
  const none = await client().messages.create({
    ...withTool,
    messages: user("The weather?"),
    tool_choice: { type: "none" },
  });
  assert.deepEqual(textsOf(none.content), [said.hello]);
});

test("a deferred tool is called once the conversation has added it", { skip }, async () => {
  const tools = [{ ...weather, defer_loading: true }];
  const told = { type: "text", text: "Tell the weather." } as const;
  const added = { type: "tool_addition", tool: { type: "tool_reference", name: weather.name } } as const;
  const answerTo = async (...content: (typeof told | typeof added)[]) => {
    const messages = [...user("Hello?"), { role: "system" as const, content }];
    return (await client().beta.messages.create({ ...assistant, tools, messages })).content;
  };
  assert.deepEqual(
    (await answerTo(told)).map(({ type }) => type),
    ["text"],
  );
  assert.deepEqual(
    (await answerTo(told, added)).flatMap((block) => (block.type === "tool_use" ? [[block.name, block.input]] : [])),
    [[weather.name, paris]],
  );
});

test("thoughts are blocks of their own, whole and streamed, where they are asked for", { skip }, async () => {
  const request = { model: "thinker", max_tokens: 2000, messages: user("A number?") };
  const thinking = { type: "enabled", budget_tokens: 1024 } as const;
  const whole = await client().messages.create({ ...request, thinking });
  const stream = client().messages.stream({ ...request, thinking });
  for (const { content } of [whole, await stream.finalMessage()]) {
    const [thought] = content;
    assert.ok(thought?.type === "thinking");
    assert.equal(thought.thinking, said.thoughts);
    assert.deepEqual(textsOf(content), [said.afterThoughts.trimStart()]);
  }
  const without = await client().messages.create(request);
  assert.deepEqual(
    without.content.map(({ type }) => type),
    ["text"],
  );
  // What was thought comes back with the conversation.
  const messages: MessageParam[] = [
    ...request.messages,
    { role: "assistant", content: whole.content },
    ...user("And?"),
  ];
  assert.equal((await client().messages.create({ ...request, messages, thinking })).stop_reason, "end_turn");
});

test("an answer matches its schema", { skip }, async () => {
  const parsed = await client().messages.parse({
    ...assistant,
    messages: user("Report."),
    output_config: { format: zodOutputFormat(report) },
  });
  assert.deepEqual(parsed.parsed_output, { city: "Paris", degrees: 21 });
});

test("an answer goes on from what the assistant says last, and is counted with it", { skip }, async () => {
  const begun: MessageParam[] = [...user("Report."), { role: "assistant", content: "{" }];
  const request = { ...assistant, messages: begun, stop_sequences: ["}"] };
  const whole = await client().messages.create(request);
  assert.deepEqual([textsOf(whole.content), whole.stop_sequence], [[said.begun.slice(0, -1)], "}"]);
  const { input_tokens } = await client().messages.countTokens({ model: "assistant", messages: begun });
  assert.equal(input_tokens, whole.usage.input_tokens + (whole.usage.cache_read_input_tokens ?? 0));
  const stream = client().messages.stream({ ...assistant, messages: begun });
  const { content, stop_reason } = await stream.finalMessage();
  assert.deepEqual([textsOf(content), stop_reason], [[said.begun], "end_turn"]);
  assert.deepEqual(JSON.parse(`{${said.begun}`), JSON.parse(said.document));
  const spaced: MessageParam[] = [...user("Report."), { role: "assistant", content: "{ " }];
  await assert.rejects(client().messages.create({ ...assistant, messages: spaced }), (error: unknown) => {
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.match(error.message, /final assistant content cannot end with trailing whitespace/);
    return true;
  });
});

test("tokens are counted as they are then used", { skip }, async () => {
  const request = { model: "assistant", messages: user("What is the weather in Paris?"), tools: [weather] };
  const { input_tokens } = await client().messages.countTokens(request);
  const { usage } = await client().messages.create({ ...request, max_tokens: 100 });
  assert.equal(input_tokens, usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
});

test("models are listed and retrieved", { skip }, async () => {
  const names: string[] = [];
  for await (const { id } of client().models.list()) names.push(id);
  assert.deepEqual(names.sort(), ["assistant", "thinker"]);
  assert.equal((await client().models.retrieve("thinker")).id, "thinker");
});

test("errors are the SDK's own, and name what was wrong", { skip }, async () => {
  const table = [
    [{ model: "gpt-9" }, 404, /assistant.*thinker/],
    [{ model: "gpt-9", stream: true }, 404, /assistant.*thinker/],
    [{ temperature: 3 }, 400, /temperature/],
    [{ colour: "red" }, 400, /colour/],
    [{ messages: user("a".repeat(9000)) }, 400, /prompt is too long: 90\d\d tokens > 8192 maximum/],
  ] as const;
  for (const [body, status, message] of table) {
    const request = { ...assistant, messages: user("Hello?"), ...body };
    await assert.rejects(client().messages.create(request), (error: unknown) => {
      assert.ok(error instanceof (status === 404 ? Anthropic.NotFoundError : Anthropic.BadRequestError));
      assert.equal(error.type, status === 404 ? "not_found_error" : "invalid_request_error");
      assert.match(error.message, message);
      return true;
    });
  }
});
