// What a coding agent sends: long instructions, twenty tools and the history of its work, more than 10,000 tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import type { ChatCompletionMessageParam, ChatCompletionTool } from "openai/resources";
import { skip, useClientPool } from "./client-pool.ts";
import { called, said } from "./known-models.ts";
import { weatherDescription, weatherParameters } from "./weather.ts";

const pool = useClientPool({ added: { agent: ["--context", "32768"] } });
const client = (): OpenAI => new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 });

const names = ["read", "write", "edit", "list", "glob", "grep", "run", "kill", "fetch", "search"];
/** Twenty of them, the one that is called among the others. */
const tools: readonly ChatCompletionTool[] = [
  ...[...names, ...names.slice(0, 9).map((name) => `${name}_many`)].map((name) => toolNamed(name)),
  {
    type: "function",
    function: { name: "get_weather", description: weatherDescription, parameters: weatherParameters },
  },
];

function toolNamed(name: string): ChatCompletionTool {
  const properties = {
    path: { type: "string", description: `Where to ${name}: an absolute path below the root of the work tree` },
    options: {
      type: "object",
      description: "How it is done; what is left out has its default",
      properties: {
        limit: { type: "integer", minimum: 1, maximum: 2000, description: "The most lines that come back" },
        mode: { type: "string", enum: ["first", "last", "all"], description: "Which ones" },
      },
      additionalProperties: false,
    },
  };
  const parameters = { type: "object", properties, required: ["path"], additionalProperties: false };
  const description = `Can ${name} files of the project. Prefer it to a shell command: it keeps within the work tree.`;
  return { type: "function", function: { name, description, parameters } };
}

const rule = (index: number): string =>
  `${index}. Before a change number ${index} is made, read what is there, say in one line what will be done and why.`;

const history: readonly ChatCompletionMessageParam[] = Array.from({ length: 8 }, (_, index) => {
  const id = `call_${index}`;
  const toolCall = { name: "read", arguments: JSON.stringify({ path: `/home/source-${index}.ts` }) };
  const lines = Array.from({ length: 10 }, (_, line) => `${line}: const value${line} = compute(${index}, ${line});`);
  return [
    { role: "assistant" as const, content: "", tool_calls: [{ id, type: "function" as const, function: toolCall }] },
    { role: "tool" as const, tool_call_id: id, content: lines.join("\n") },
  ];
}).flat();

const messages: ChatCompletionMessageParam[] = [
  { role: "system", content: Array.from({ length: 40 }, (_, index) => rule(index + 1)).join("\n") },
  { role: "user", content: "Look through the sources." },
  ...history,
  { role: "user", content: "And what is the weather in Paris?" },
];

test("more than 10,000 tokens with 20 tools are answered where the context allows it", { skip }, async () => {
  const request = { model: "agent", messages, tools: [...tools] };
  const first = await client().chat.completions.create(request);
  const promptTokens = first.usage?.prompt_tokens ?? 0;
  assert.ok(promptTokens > 10_000, `${promptTokens} tokens`);
  assert.equal(tools.length, 20);
  const message = first.choices[0]?.message;
  const [call] = message?.tool_calls ?? [];
  assert.ok(message !== undefined && call?.type === "function");
  assert.deepEqual(call.function, called.weather);
  const result = { role: "tool" as const, tool_call_id: call.id, content: "21 degrees" };
  const second = await client().chat.completions.create({ ...request, messages: [...messages, message, result] });
  assert.equal(second.choices[0]?.message.content, said.weather);
  // What was read for the first request is not read again.
  assert.ok((second.usage?.prompt_tokens_details?.cached_tokens ?? 0) > 10_000);

  // The same where it does not fit: both numbers, streamed or not.
  for (const stream of [false, true]) {
    await assert.rejects(client().chat.completions.create({ ...request, model: "assistant", stream }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.deepEqual([error.code, error.param], ["context_length_exceeded", "messages"]);
      assert.match(error.message, new RegExp(`\\b8192\\b.*\\b${promptTokens}\\b`));
      return true;
    });
  }
});

test("an answer that is asked to be longer than the rest of the context is refused, and one that is not is cut there", {
  skip,
}, async () => {
  const short: ChatCompletionMessageParam[] = [{ role: "user", content: "Hello?" }];
  await assert.rejects(client().chat.completions.create({ model: "assistant", messages: short, max_tokens: 8192 }), {
    code: "context_length_exceeded",
  });
  const { choices } = await client().chat.completions.create({ model: "assistant", messages: short });
  assert.equal(choices[0]?.finish_reason, "stop");
});
