// Thoughts, calls, schemas and log-probabilities of the real engine over chat completions, also when the Mac that says them
// is killed in the middle.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import OpenAI from "openai";
import type { ChatCompletionChunk, ChatCompletionCreateParamsNonStreaming } from "openai/resources/chat/completions";
import { missingDocument, validatorOf } from "../support/openai-document.ts";
import { TwoNodes } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";

const timeout = 90_000;
const deadlineMs = 30_000;

/** Shows its tools as Hermes' models do; the last character of the last message decides the answer. */
const chatTemplate =
  "{% if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}" +
  "{% for message in messages %}{{ message.content }}{% endfor %}";
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: city } }];
const callText = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>';
const words = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => `w${from + index}x`).join(" ");
const longThoughts = words(1000, 800);
const longCity = words(3000, 800);
const reply = "Nothing that is asked.";
const replies = {
  a: `<think>\nI should look it up.\n</think>\n\nLet me see. ${callText}`,
  b: "The sun shines in Oslo today.",
  l: `<think>${longThoughts}</think><tool_call>\n{"name": "get_weather", "arguments": {"city": "${longCity}"}}\n</tool_call>`,
};

/** One that does not know when to stop thinking could think to the end of its context. */
const models = {
  thinking: scriptedModel({ name: "thinking", reply, replies, chatTemplate: `{# <think> #}${chatTemplate}` }),
  scripted: scriptedModel({ name: "scripted", reply, replies, chatTemplate }),
};

let pool: TwoNodes;
let client: OpenAI;

type Asked = Partial<ChatCompletionCreateParamsNonStreaming>;

function asked(content: string, more: Asked = {}): ChatCompletionCreateParamsNonStreaming {
  return { model: "scripted", temperature: 0, messages: [{ role: "user", content }], ...more };
}

/** What a stream's chunks come to. */
class Gathered {
  readonly reasons: string[] = [];
  content = "";
  reasoning = "";
  call = "";
  logged = 0;

  add(chunk: ChatCompletionChunk): void {
    const [choice] = chunk.choices;
    if (choice === undefined) return;
    // What OpenAI's own types do not name.
    const delta = choice.delta as typeof choice.delta & { readonly reasoning_content?: string };
    this.content += delta.content ?? "";
    this.reasoning += delta.reasoning_content ?? "";
    for (const { function: piece } of delta.tool_calls ?? [])
      this.call += (piece?.name ?? "") + (piece?.arguments ?? "");
    this.logged += choice.logprobs?.content?.length ?? 0;
    if (choice.finish_reason !== null) this.reasons.push(choice.finish_reason);
  }
}

function ask(path: string, body: object | null): Promise<Response> {
  const posted = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return fetch(`${pool.http}${path}`, body === null ? {} : posted);
}

describe("what an answer is made of", { timeout }, () => {
  before(async () => {
    pool = await TwoNodes.start({ engine: "llama", models });
    client = new OpenAI({ baseURL: `${pool.http}/v1`, apiKey: "none", maxRetries: 0 });
  });
  after(() => pool?.close());

  test("thoughts, text and a call are told apart, and the call is answered", async () => {
    const first = asked("a", { model: "thinking", tools });
    const { choices, usage } = await client.chat.completions.create(first);
    const [choice] = choices;
    assert.ok(choice !== undefined);
    assert.equal(choice.finish_reason, "tool_calls");
    // What OpenAI's own types do not name.
    const message: typeof choice.message & { readonly reasoning_content?: string } = choice.message;
    assert.equal(message.reasoning_content, "I should look it up.");
    assert.equal(message.content, "Let me see. ");
    const [call] = message.tool_calls ?? [];
    assert.ok(call?.type === "function");
    assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ["get_weather", { city: "Oslo" }]);
    assert.match(call.id, /^[0-9a-z]{9}$/);
    assert.ok((usage?.completion_tokens ?? 0) > 10);
    const second = await client.chat.completions.create({
      ...first,
      messages: [...first.messages, message, { role: "tool", tool_call_id: call.id, content: "sunny b" }],
    });
    assert.equal(second.choices[0]?.message.content, replies.b);
    assert.equal(second.choices[0]?.finish_reason, "stop");
  });

  test("a stream says the same, piece by piece", async () => {
    const gathered = new Gathered();
    for await (const chunk of await client.chat.completions.create({
      ...asked("a", { model: "thinking", tools }),
      stream: true,
    }))
      gathered.add(chunk);
    assert.equal(gathered.reasoning, "I should look it up.");
    assert.equal(gathered.content, "Let me see. ");
    assert.equal(gathered.call, 'get_weather{"city": "Oslo"}');
    assert.deepEqual(gathered.reasons, ["tool_calls"]);
  });

  test("without tools, or where none may be called, a call is text", async () => {
    for (const more of [{}, { tools, tool_choice: "none" as const }]) {
      const { choices } = await client.chat.completions.create(asked("a", { model: "thinking", ...more }));
      assert.equal(choices[0]?.message.content, `Let me see. ${callText}`);
      assert.equal(choices[0]?.finish_reason, "stop");
    }
  });

  test("a call that has to be made is made, with arguments of its schema, whatever the model would say", async () => {
    const parameters = { type: "object", properties: { zone: { enum: ["UTC", "CET"] } }, required: ["zone"] };
    const clock = { type: "function" as const, function: { name: "now", parameters } };
    for (const tool_choice of ["required" as const, { type: "function" as const, function: { name: "now" } }]) {
      const { choices } = await client.chat.completions.create(asked("b", { tools: [clock], tool_choice }));
      const [call] = choices[0]?.message.tool_calls ?? [];
      assert.ok(call?.type === "function", JSON.stringify(choices));
      assert.equal(call.function.name, "now");
      const { zone }: { readonly zone?: string } = JSON.parse(call.function.arguments);
      assert.match(zone ?? "", /^(UTC|CET)$/);
      assert.equal(choices[0]?.finish_reason, "tool_calls");
    }
  });

  test("an answer that has to match a schema does, in every choice", async () => {
    const schema = {
      type: "object",
      properties: { mood: { enum: ["glad", "sad"] }, count: { type: "integer", minimum: 1, maximum: 9 } },
      required: ["mood", "count"],
      additionalProperties: false,
    };
    const format = { type: "json_schema" as const, json_schema: { name: "feeling", schema, strict: true } };
    const request = asked("b", { response_format: format, n: 3, temperature: 1, seed: 7 });
    const { choices, usage } = await client.chat.completions.create(request);
    assert.equal(choices.length, 3);
    for (const [index, { message, index: told }] of choices.entries()) {
      assert.equal(told, index);
      const value: unknown = JSON.parse(message.content ?? "");
      assert.ok(typeof value === "object" && value !== null && "mood" in value && "count" in value);
      assert.match(`${value.mood} ${value.count}`, /^(glad|sad) [1-9]$/);
    }
    assert.ok((usage?.completion_tokens ?? 0) >= 15);
  });

  test("log-probabilities are told for every token of the text", async () => {
    const { choices } = await client.chat.completions.create(asked("b", { logprobs: true, top_logprobs: 3 }));
    const tokens = choices[0]?.logprobs?.content ?? [];
    assert.equal(tokens.map(({ token }) => token).join(""), replies.b);
    for (const { bytes, logprob, top_logprobs, token } of tokens) {
      assert.equal(Buffer.from(bytes ?? []).toString(), token);
      assert.ok(logprob <= 0 && top_logprobs.length === 3);
      assert.equal(top_logprobs[0]?.logprob, logprob, "the most likely one is taken");
    }
  });

  test("several choices of one stream each have a beginning and an end", async () => {
    const choices = [new Gathered(), new Gathered()];
    const request = { ...asked("b", { n: 2 }), stream: true as const, stream_options: { include_usage: true } };
    let usages = 0;
    for await (const chunk of await client.chat.completions.create(request)) {
      choices[chunk.choices[0]?.index ?? 0]?.add(chunk);
      if (chunk.usage != null) usages += 1;
    }
    assert.deepEqual(
      choices.map(({ content, reasons }) => [content, reasons]),
      [
        [replies.b, ["stop"]],
        [replies.b, ["stop"]],
      ],
    );
    assert.equal(usages, 1);
  });

  test("functions are called, and answered, as whoever sends them has it", async () => {
    const functions = [{ name: "get_weather", parameters: city }];
    const first = asked("a", { model: "thinking", functions });
    const { choices } = await client.chat.completions.create(first);
    const [choice] = choices;
    assert.ok(choice !== undefined);
    assert.equal(choice.finish_reason, "function_call");
    const { function_call: call, tool_calls: calls } = choice.message;
    assert.deepEqual([call, calls], [{ name: "get_weather", arguments: '{"city": "Oslo"}' }, undefined]);
    const answered = { role: "function" as const, name: "get_weather", content: "sunny b" };
    const messages = [...first.messages, choice.message, answered];
    const second = await client.chat.completions.create({ ...first, messages });
    assert.equal(second.choices[0]?.message.content, replies.b);
  });

  test("of allowed tools one has to be called, and no other is", async () => {
    const clock = { type: "function" as const, function: { name: "now" } };
    const choose = (mode: "auto" | "required") => ({
      type: "allowed_tools" as const,
      allowed_tools: { mode, tools: [{ type: "function", function: { name: "now" } }] },
    });
    const ask = async (mode: "auto" | "required") =>
      await client.chat.completions.create(asked("a", { tools: [...tools, clock], tool_choice: choose(mode) }));
    const [call] = (await ask("required")).choices[0]?.message.tool_calls ?? [];
    assert.ok(call?.type === "function");
    assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ["now", {}]);
    const { message } = (await ask("auto")).choices[0] ?? assert.fail();
    assert.equal(message.tool_calls, undefined);
  });

  test("a call that has to be made is no text where the answer ends before it begins", async () => {
    const forced = asked("c", { tools, tool_choice: "required", max_tokens: 1 });
    const { choices } = await client.chat.completions.create(forced);
    assert.deepEqual([choices[0]?.message.content, choices[0]?.finish_reason], ["", "length"]);
  });

  test("tokens that the model does not have are refused by the field that names them", async () => {
    const bad = { status: 400, code: "invalid_request" };
    const biased = asked("b", { logit_bias: { "99999": 1 } });
    await assert.rejects(client.chat.completions.create(biased), { ...bad, param: "logit_bias" });
    const prompt = { model: "scripted", prompt: [99_999] };
    await assert.rejects(client.completions.create(prompt), { ...bad, param: "prompt" });
  });

  test("an effort that the model does not know is refused by its name", async () => {
    await assert.rejects(client.chat.completions.create(asked("b", { reasoning_effort: "high" })), {
      status: 400,
      param: "reasoning_effort",
    });
  });

  test("bodies and chunks satisfy OpenAI's own document", { skip: missingDocument }, async () => {
    const messages = [{ role: "user", content: "a" }];
    const chat = { model: "thinking", messages, temperature: 0, tools, logprobs: true, top_logprobs: 2, n: 2 };
    const older = { tools: undefined, functions: [{ name: "get_weather", parameters: city }], service_tier: "auto" };
    const text = { model: "scripted", prompt: ["b", "c"], logprobs: 2, max_tokens: 8 };
    const cases: readonly (readonly [path: string, body: object | null, schema: string])[] = [
      ["/v1/chat/completions", chat, "CreateChatCompletionResponse"],
      ["/v1/chat/completions", { ...chat, model: "scripted", tools: undefined }, "CreateChatCompletionResponse"],
      ["/v1/chat/completions", { ...chat, ...older }, "CreateChatCompletionResponse"],
      ["/v1/completions", text, "CreateCompletionResponse"],
      ["/v1/completions", { ...text, n: 2, best_of: 3 }, "CreateCompletionResponse"],
      ["/v1/completions", { model: "scripted", prompt: "b", echo: true }, "CreateCompletionResponse"],
      ["/v1/chat/completions", { ...chat, temperature: 7 }, "ErrorResponse"],
      ["/v1/completions", { ...text, model: "none" }, "ErrorResponse"],
      ["/v1/models", null, "ListModelsResponse"],
      ["/v1/models/scripted", null, "Model"],
    ];
    for (const [path, body, schema] of cases)
      assert.deepEqual(
        validatorOf(schema)(await (await ask(path, body)).json()),
        [],
        `${path} ${JSON.stringify(body)}`,
      );
    const stream_options = { include_usage: true, include_obfuscation: true };
    const streams = [
      ["/v1/chat/completions", chat, "CreateChatCompletionStreamResponse"],
      ["/v1/chat/completions", { ...chat, ...older }, "CreateChatCompletionStreamResponse"],
      ["/v1/completions", text, "CreateCompletionResponse"],
    ] as const;
    for (const [path, body, schema] of streams) {
      const response = await ask(path, { ...body, stream: true, stream_options });
      const events = [...(await response.text()).matchAll(/^data: (\{.*)$/gm)].map(([, data = ""]) => data);
      assert.ok(events.length > 4);
      // The document has one schema for whole completions and for their chunks, in which OpenAI's own have a null.
      const meant = (data: string): string =>
        path === "/v1/completions" ? data.replaceAll('"finish_reason":null', '"finish_reason":"stop"') : data;
      for (const data of events) assert.deepEqual(validatorOf(schema)(JSON.parse(meant(data))), [], data);
    }
  });

  for (const part of ["thoughts", "call"] as const) {
    test(`a Mac that is killed in the middle of the ${part} leaves the answer whole`, async () => {
      await pool.restore();
      const request = { ...asked("l", { model: "thinking", tools, logprobs: true }), stream: true as const };
      const { data, response } = await client.chat.completions.create(request).withResponse();
      const nodeId = response.headers.get("x-pomona-node") ?? "";
      const gathered = new Gathered();
      let killing: Promise<void> | null = null;
      for await (const chunk of data) {
        gathered.add(chunk);
        const length = part === "thoughts" ? gathered.reasoning.length : gathered.call.length;
        if (length > 200) killing ??= pool.node(nodeId).process.kill();
      }
      assert.ok(killing !== null);
      await killing;
      assert.equal(gathered.reasoning, longThoughts);
      assert.equal(gathered.call, `get_weather{"city": "${longCity}"}`);
      assert.deepEqual(gathered.reasons, ["tool_calls"]);
      const moves = [...(await pool.series("pomona_resumes_total"))].filter(([labels]) => labels.includes("resumed"));
      assert.ok(moves.reduce((sum, [, count]) => sum + count, 0) > 0, "the answer was moved");
      await waitFor(() => pool.node(nodeId).process.isGone, deadlineMs, "the node is gone");
    });
  }
});
