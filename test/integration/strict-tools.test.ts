// Tools that are strict, and models of the real engine whose own calls would break their schemas.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import type { GgufModel } from "@pomona/shared/core/gguf/writer";
import OpenAI from "openai";
import { TwoNodes } from "../support/two-nodes.ts";

const timeout = 90_000;

const parameters = {
  type: "object",
  properties: { city: { enum: ["Oslo", "Rome"] }, days: { type: "integer", minimum: 1, maximum: 7 } },
  required: ["city", "days"],
  additionalProperties: false,
};
/** What the schema does not allow. */
const bad = '{"town": "Oslo"}';
const object = `{"name": "get_weather", "arguments": ${bad}}`;
/** DeepSeek's markers hold a character that means a space in the vocabulary of these models. */
const written = {
  hermes: `Let me see. <tool_call>\n${object}\n</tool_call>`,
  mistral: `Just so. [TOOL_CALLS] get_weather[ARGS] ${bad}`,
  kimi: `Well. <|tool_calls_section_begin|> <|tool_call_begin|>functions.get_weather:0 <|tool_call_argument_begin|> ${bad}<|tool_call_end|> <|tool_calls_section_end|>`,
  coder:
    "Just a moment. <tool_call>\n<function=get_weather>\n<parameter=town>\nOslo\n</parameter>\n</function>\n</tool_call>",
  glm: "I look. <tool_call>get_weather\n<arg_key>town</arg_key>\n<arg_value>Oslo</arg_value>\n</tool_call>",
  llama: `{ "name": "get_weather", "parameters": ${bad} }`,
  granite: `So it is. <|tool_call|> [{"name": "get_weather", "arguments": ${bad}}]`,
  harmony: `<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>${bad}`,
};
/** What a template has to hold for its format to be found. */
const signs = {
  hermes: "<tool_call> <think>",
  mistral: "[TOOL_CALLS]",
  kimi: "<|tool_call_begin|>",
  coder: "<tool_call><function=",
  glm: "<tool_call><arg_key>",
  llama: "<|python_tag|>",
  granite: "<|tool_call|>",
  harmony: "<|channel|>",
};
const text = "The sun shines in [Oslo] < today>, {so} it does.";

function modelOf(name: string): GgufModel {
  return scriptedModel({
    name,
    reply: "Nothing that is asked.",
    replies: {
      c: written[name as keyof typeof written],
      t: text,
      h: "<think>\nShall I <tool_call> it, or not?\n</think>\n\nNo, I may not.",
    },
    chatTemplate: `{% if tools %}${signs[name as keyof typeof signs]}{{ tools | tojson }}{% endif %}{% for message in messages %}{{ message.content }}{% endfor %}`,
  });
}

let pool: TwoNodes;
let client: OpenAI;

async function ask(model: string, content: string, strict: boolean | null) {
  const tool = { type: "function" as const, function: { name: "get_weather", parameters, strict } };
  const { choices } = await client.chat.completions.create({
    model,
    temperature: 0,
    max_tokens: 1500,
    messages: [{ role: "user", content }],
    tools: [tool],
  });
  const [choice] = choices;
  assert.ok(choice !== undefined);
  const calls = (choice.message.tool_calls ?? []).map((call) => {
    assert.ok(call.type === "function");
    return call.function.arguments;
  });
  return { ...choice, calls, text: choice.message.content };
}

function startWith(names: readonly string[]): void {
  before(async () => {
    pool = await TwoNodes.start({
      engine: "llama",
      models: Object.fromEntries(names.map((name) => [name, modelOf(name)])),
    });
    client = new OpenAI({ baseURL: `${pool.http}/v1`, apiKey: "none", maxRetries: 0 });
  });
  after(() => pool?.close());
}

function testCalls(names: readonly string[]): void {
  for (const model of names) {
    test(`${model}: a call's arguments are those of the schema, where the model's own would not be`, async () => {
      assert.deepEqual((await ask(model, "c", null)).calls, [bad], "what it says where nothing is enforced");
      const { calls, finish_reason } = await ask(model, "c", true);
      assert.equal(finish_reason, "tool_calls");
      assert.ok(calls.length > 0);
      for (const call of calls) assert.match(call, /^\{\s*"city": ?"(Oslo|Rome)",\s*"days": ?[1-7]\s*\}\s*$/);
    });

    test(`${model}: a text is what it would have been`, async () => {
      for (const strict of [null, true]) {
        const { text: said, calls, finish_reason } = await ask(model, "t", strict);
        assert.deepEqual([said, calls, finish_reason], [text, [], "stop"]);
      }
    });
  }
}

for (const names of [
  ["kimi", "coder", "glm"],
  ["llama", "granite"],
])
  describe(`calls as ${names.join(", ")} write them`, { timeout }, () => {
    startWith(names);
    testCalls(names);
  });

describe("tools that a model may call, and that are strict", { timeout }, () => {
  const names = ["hermes", "mistral", "harmony"];
  startWith(names);
  testCalls(names);

  test("thoughts may speak of calls", async () => {
    const { message, calls } = await ask("hermes", "h", true);
    assert.deepEqual([message.content, calls], ["No, I may not.", []]);
  });

  test("the Responses API holds tools to their schemas unless they say otherwise", async () => {
    const argumentsOf = async (strict: boolean | null) => {
      const tool = { type: "function" as const, name: "get_weather", parameters, strict };
      const { output } = await client.responses.create({ model: "hermes", temperature: 0, input: "c", tools: [tool] });
      return output.flatMap((item) => (item.type === "function_call" ? [item.arguments] : []));
    };
    assert.deepEqual(await argumentsOf(false), [bad]);
    for (const strict of [null, true]) assert.match((await argumentsOf(strict))[0] ?? "", /"city": ?"(Oslo|Rome)"/);
  });

  test("a schema that is too much is refused by its field and its limit, in every API", async () => {
    const bomb = { type: "object", properties: { a: { type: "array", items: {}, minItems: 1e9 } } };
    const messages = [{ role: "user", content: "t" }];
    const named = { name: "f", parameters: bomb };
    const called = { model: "hermes", max_tokens: 9, messages };
    const table: readonly (readonly [path: string, field: string, body: object])[] = [
      [
        "/v1/chat/completions",
        "tools[0].function.parameters",
        { ...called, tools: [{ type: "function", function: { ...named, strict: true } }] },
      ],
      [
        "/v1/chat/completions",
        "functions[0].parameters",
        { ...called, functions: [named], function_call: { name: "f" } },
      ],
      [
        "/v1/chat/completions",
        "response_format.json_schema.schema",
        { ...called, response_format: { type: "json_schema", json_schema: { name: "f", schema: bomb } } },
      ],
      [
        "/v1/responses",
        "tools[0].parameters",
        { model: "hermes", input: "t", tools: [{ type: "function", ...named, strict: true }] },
      ],
      [
        "/v1/responses",
        "text.format.schema",
        { model: "hermes", input: "t", text: { format: { type: "json_schema", name: "f", schema: bomb } } },
      ],
      [
        "/v1/messages",
        "tools[0].input_schema",
        { ...called, tools: [{ name: "f", input_schema: bomb }], tool_choice: { type: "any" } },
      ],
      [
        "/v1/messages",
        "output_config.format.schema",
        { ...called, output_config: { format: { type: "json_schema", schema: bomb } } },
      ],
      ["/api/chat", "format", { model: "hermes", messages, format: bomb }],
    ];
    for (const [path, field, body] of table) {
      const response = await fetch(`${pool.http}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
        body: JSON.stringify(body),
      });
      const told = await response.text();
      assert.equal(response.status, 400, told);
      for (const word of [field, "minItems", "1999"]) assert.ok(told.includes(word), `${path} ${field}: ${told}`);
    }
  });
});
