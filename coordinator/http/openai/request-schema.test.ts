import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { parseChat, parseCompletion } from "./request-schema.ts";

const messages = [{ role: "user", content: "hi" }];
const chat = { model: "m", messages };
const called = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
const tools = [{ type: "function", function: { name: "f" } }];
const allowing = (...names: readonly string[]) => ({
  type: "allowed_tools",
  allowed_tools: { mode: "required", tools: names.map((name) => ({ type: "function", function: { name } })) },
});

test("a chat without settings gets OpenAI's defaults", () => {
  const {
    requests: [request],
    isStream,
  } = parseChat(chat);
  assert.equal(isStream, false);
  assert.equal(request.maxTokens, null);
  const { temperature, topP, seed } = request.sampling;
  assert.deepEqual([temperature, topP, seed], [1, 1, null]);
  assert.deepEqual(request.stop, []);
});

test("text parts become one text, and developers speak as the system", () => {
  const {
    requests: [request],
  } = parseChat({
    model: "m",
    messages: [
      {
        role: "developer",
        content: [
          { type: "text", text: "be " },
          { type: "text", text: "brief" },
        ],
      },
      { role: "user", content: "hi", name: "ann" },
      { role: "assistant", content: null, refusal: null, tool_calls: [called], annotations: [], audio: null },
      { role: "tool", content: "42", tool_call_id: "call_1" },
    ],
  });
  assert.deepEqual(request.input, {
    kind: "chat",
    messages: [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi", name: "ann" },
      { role: "assistant", content: "", toolCalls: [{ id: "call_1", name: "f", arguments: "{}" }] },
      { role: "tool", content: "42", toolCallId: "call_1" },
    ],
  });
});

test("every setting that can be honoured arrives", () => {
  const {
    requests: [request],
    isStream,
  } = parseChat({
    ...chat,
    temperature: 0,
    top_p: 0.5,
    seed: 2 ** 53 - 1,
    max_tokens: 5,
    max_completion_tokens: 7,
    stop: "END",
    presence_penalty: -2,
    frequency_penalty: 2,
    logit_bias: { "12": -100 },
    stream: true,
    stream_options: { include_usage: true },
    n: 1,
    user: "u",
    metadata: { a: "b" },
    tools: [],
    tool_choice: "none",
    response_format: { type: "text" },
    logprobs: false,
    store: false,
  });
  assert.equal(isStream, true);
  assert.equal(request.maxTokens, 7);
  assert.deepEqual(request.stop, ["END"]);
  assert.deepEqual(request.sampling, {
    temperature: 0,
    topP: 0.5,
    topK: 0,
    minP: 0,
    seed: 2 ** 53 - 1,
    repeatPenalty: 1,
    presencePenalty: -2,
    frequencyPenalty: 2,
    dry: null,
    typicalP: 1,
    penaltyLastTokens: 64,
    logitBias: [{ tokenId: 12, bias: -100 }],
  });
});

test("a JSON object may have its schema beside its type, as with llama.cpp and huggingface_hub", () => {
  const shapeOf = (more: object) =>
    parseChat({ ...chat, response_format: { type: "json_object", ...more } }).requests[0].output.shape;
  const schema = { type: "object", required: ["a"] };
  assert.deepEqual([{}, { schema: null }, { schema: {} }, { schema }, { value: schema }].map(shapeOf), [
    { kind: "json" },
    { kind: "json" },
    { kind: "json" },
    { kind: "schema", schema, field: "response_format.schema" },
    { kind: "schema", schema, field: "response_format.value" },
  ]);
});

test("half of a surrogate pair becomes a replacement character", () => {
  const {
    requests: [request],
  } = parseCompletion({ model: "m", prompt: "a\ud83d", stop: ["\udc00"] });
  assert.deepEqual(request.input, { kind: "text", text: "a\ufffd" });
  assert.deepEqual(request.stop, ["\ufffd"]);
});

test("a completion takes a text, one text in a list, or token ids, and 16 tokens by default", () => {
  const inputOf = (prompt: unknown) => parseCompletion({ model: "m", prompt }).requests[0].input;
  assert.deepEqual(inputOf("a"), { kind: "text", text: "a" });
  assert.deepEqual(inputOf(["a"]), { kind: "text", text: "a" });
  assert.deepEqual(inputOf(null), { kind: "text", text: "" });
  assert.deepEqual(inputOf([1, 2]), { kind: "tokens", tokenIds: [1, 2] });
  assert.equal(parseCompletion({ model: "m", prompt: "a" }).requests[0].maxTokens, 16);
});

test("seeds of 64 bits and with a sign become ones from 0, small ones themselves", () => {
  const seedOf = (seed: unknown) => parseChat({ ...chat, seed }).requests[0].sampling.seed;
  assert.deepEqual([0, 7, 2 ** 53 - 1, -1, -2, null].map(seedOf), [0, 7, 2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 2, null]);
  for (const seed of [2 ** 63, -(2 ** 63)]) assert.ok(Number.isSafeInteger(seedOf(seed)));
  assert.equal(parseChat({ ...chat, top_k: -1 }).requests[0].sampling.topK, 0);
});

test("hints that change no answer are taken", () => {
  const part = { type: "text", text: "a" };
  const { requests } = parseChat({
    ...chat,
    messages: [
      { role: "user", content: [{ ...part, prompt_cache_breakpoint: { mode: "explicit" } }] },
      { role: "user", content: [{ ...part, cache_control: { type: "ephemeral" } }] },
    ],
    tools: tools.map((tool) => ({
      type: "function",
      function: { ...tool.function, requires_confirmation: false, external_execution: true, approval_type: null },
      cache_control: { type: "ephemeral" },
    })),
    prompt_cache_options: { mode: "implicit", ttl: "30m" },
    prediction: { type: "content", content: [part] },
  });
  const { input } = requests[0];
  const message = { role: "user", content: "a" };
  assert.ok(input.kind === "chat");
  assert.deepEqual([input.messages, input.tools?.length], [[message, message], tools.length]);
});

test("a suffix asks for the gap behind each prompt, and an empty one for nothing", () => {
  const inputsOf = (body: object) => parseCompletion({ model: "m", ...body }).requests.map(({ input }) => input);
  const gap = { kind: "infill", prefix: "a", suffix: "\ufffd" };
  assert.deepEqual(inputsOf({ prompt: ["a", ""], suffix: "\ud800" }), [gap, { ...gap, prefix: "" }]);
  assert.deepEqual(inputsOf({ prompt: "a", suffix: "" }), [{ kind: "text", text: "a" }]);
  assert.deepEqual(inputsOf({ prompt: [1], suffix: null }), [{ kind: "tokens", tokenIds: [1] }]);
});

test("a choice of allowed tools tells the model all of them, and lets it call some", () => {
  const more = [...tools, { type: "function", function: { name: "g" } }];
  const { input, output } = parseChat({ ...chat, tools: more, tool_choice: allowing("g") }).requests[0];
  assert.deepEqual([output.toolChoice, output.allowedTools], ["required", ["g"]]);
  assert.deepEqual(input.kind === "chat" && input.tools?.map(({ name }) => name), ["f", "g"]);
});

test("functions are tools of which one is called, and their messages are those of tools", () => {
  const functions = [{ name: "f", description: "d", parameters: { type: "object" } }];
  const { name, arguments: written } = { name: "f", arguments: "{}" };
  const { input, output } = parseChat({
    ...chat,
    functions,
    function_call: { name },
    messages: [
      { role: "assistant", content: null, function_call: { name, arguments: written } },
      { role: "function", name, content: "1" },
      { role: "assistant", content: null, function_call: { name, arguments: written } },
      { role: "function", name, content: null },
    ],
  }).requests[0];
  assert.deepEqual([output.toolChoice, output.isOneCall], [{ name: "f" }, true]);
  const call = (id: string) => ({ role: "assistant", content: "", toolCalls: [{ id, name, arguments: written }] });
  assert.deepEqual(input, {
    kind: "chat",
    messages: [
      call("call00000"),
      { role: "tool", content: "1", toolCallId: "call00000", name },
      call("call00001"),
      { role: "tool", content: "", toolCallId: "call00001", name },
    ],
    tools: [{ name, description: "d", parameters: { type: "object" } }],
  });
  assert.equal(parseChat({ ...chat, functions, function_call: "none" }).requests[0].output.toolChoice, "none");
});

function fieldOf(parse: () => unknown): string | null {
  try {
    parse();
  } catch (thrown) {
    const error = toPomonaError(thrown);
    assert.equal(error.code, "invalid_request", error.message);
    assert.ok(error.message.length < 500, error.message);
    return error.field;
  }
  throw new Error("it was taken");
}

test("what is wrong with a chat, or cannot be honoured, is refused by its name", () => {
  const table: readonly (readonly [field: string | null, body: unknown])[] = [
    [null, undefined],
    [null, []],
    [null, "text"],
    ["model", { messages }],
    ["model", { ...chat, model: 7 }],
    ["model", { ...chat, model: "x".repeat(300) }],
    ["messages", { model: "m" }],
    ["messages", { ...chat, messages: [] }],
    ["messages", { ...chat, messages: "hi" }],
    ["messages", { ...chat, messages: Array(4097).fill(messages[0]) }],
    ["messages[0]", { ...chat, messages: [null] }],
    ["messages[0].role", { ...chat, messages: [{ content: "a" }] }],
    ["messages[0].role", { ...chat, messages: [{ role: "robot", content: "a" }] }],
    ["messages[0].name", { ...chat, messages: [{ role: "function", content: "a" }] }],
    ["messages[0].name", { ...chat, messages: [{ role: "function", content: "a", name: "f" }] }],
    ["messages[0].content", { ...chat, messages: [{ role: "user" }] }],
    ["messages[0].content", { ...chat, messages: [{ role: "user", content: 5 }] }],
    ["messages[0].content", { ...chat, messages: [{ role: "user", content: null }] }],
    ["messages[0].content", { ...chat, messages: [{ role: "user", content: [] }] }],
    ["messages[0].content[0]", { ...chat, messages: [{ role: "user", content: ["a"] }] }],
    ["messages[0].content[0].text", { ...chat, messages: [{ role: "user", content: [{ type: "text" }] }] }],
    [
      "messages[0].content[1].type",
      {
        ...chat,
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "image_url", image_url: { url: "http://x" } },
            ],
          },
        ],
      },
    ],
    ["messages[0].tool_calls[0].type", { ...chat, messages: [{ role: "assistant", tool_calls: [{ id: "c" }] }] }],
    ["messages[0].tool_calls", { ...chat, messages: [{ role: "user", content: "a", tool_calls: [called] }] }],
    ["messages[0].tool_call_id", { ...chat, messages: [{ role: "tool", content: "a", tool_call_id: "x" }] }],
    ["messages[0].tool_call_id", { ...chat, messages: [{ role: "tool", content: "a" }] }],
    ["messages[0].tool_call_id", { ...chat, messages: [{ role: "user", content: "a", tool_call_id: "c" }] }],
    ["messages[0].colour", { ...chat, messages: [{ role: "user", content: "a", colour: "red" }] }],
    ["temperature", { ...chat, temperature: 2.1 }],
    ["temperature", { ...chat, temperature: Number.POSITIVE_INFINITY }],
    ["temperature", { ...chat, temperature: "hot" }],
    ["top_p", { ...chat, top_p: -0.1 }],
    ["max_tokens", { ...chat, max_tokens: 0 }],
    ["max_completion_tokens", { ...chat, max_completion_tokens: 1.5 }],
    ["seed", { ...chat, seed: 1.5 }],
    ["seed", { ...chat, seed: 2 ** 64 }],
    ["stop", { ...chat, stop: 5 }],
    ["stop", { ...chat, stop: "" }],
    ["stop[0]", { ...chat, stop: [""] }],
    ["stop", { ...chat, stop: Array(17).fill("a") }],
    ["stop[1]", { ...chat, stop: ["a", 5] }],
    ["stop", { ...chat, stop: "a".repeat(1025) }],
    ["presence_penalty", { ...chat, presence_penalty: 3 }],
    ["frequency_penalty", { ...chat, frequency_penalty: -3 }],
    ["logit_bias", { ...chat, logit_bias: [1] }],
    ["logit_bias.abc", { ...chat, logit_bias: { abc: 1 } }],
    ["logit_bias.1", { ...chat, logit_bias: { 1: 101 } }],
    ["logit_bias", { ...chat, logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, id) => [id, 1])) }],
    ["stream", { ...chat, stream: "yes" }],
    ["stream_options", { ...chat, stream_options: { include_usage: true } }],
    ["stream_options.include_obfuscation", { ...chat, stream: true, stream_options: { include_obfuscation: 1 } }],
    ["stream_options.x", { ...chat, stream: true, stream_options: { x: 1 } }],
    ["n", { ...chat, n: 17 }],
    ["tools[0].type", { ...chat, tools: [{ type: "web_search" }] }],
    ["tools[0].function.name", { ...chat, tools: [{ type: "function", function: { name: "a b" } }] }],
    ["tools[1]", { ...chat, tools: [...tools, ...tools] }],
    ["tools", { ...chat, tools: {} }],
    ["tool_choice", { ...chat, tool_choice: "required" }],
    ["tool_choice", { ...chat, tools, tool_choice: "sometimes" }],
    ["tool_choice", { ...chat, tools, tool_choice: { type: "function", function: { name: "g" } } }],
    ["tool_choice.function", { ...chat, tools, tool_choice: { type: "function" } }],
    ["tool_choice.allowed_tools.mode", { ...chat, tools, tool_choice: { type: "allowed_tools", allowed_tools: {} } }],
    ["tool_choice.allowed_tools.tools", { ...chat, tools, tool_choice: allowing() }],
    ["tool_choice.allowed_tools.tools[0]", { ...chat, tools, tool_choice: allowing("g") }],
    ["functions[0].name", { ...chat, functions: [{}] }],
    ["functions[0].strict", { ...chat, functions: [{ name: "f", strict: true }] }],
    ["functions", { ...chat, functions: [{ name: "f" }], tools }],
    ["function_call", { ...chat, functions: [{ name: "f" }], function_call: { name: "g" } }],
    ["function_call", { ...chat, functions: [{ name: "f" }], function_call: "required" }],
    ["response_format.type", { ...chat, response_format: { type: "xml" } }],
    ["response_format.json_schema.name", { ...chat, response_format: { type: "json_schema", json_schema: {} } }],
    ["response_format.x", { ...chat, response_format: { type: "text", x: 1 } }],
    ["response_format.schema", { ...chat, response_format: { type: "text", schema: {} } }],
    ["response_format.schema", { ...chat, response_format: { type: "json_object", schema: "{}" } }],
    ["logprobs", { ...chat, logprobs: 3 }],
    ["top_logprobs", { ...chat, top_logprobs: 3 }],
    ["top_logprobs", { ...chat, logprobs: true, top_logprobs: 21 }],
    ["top_k", { ...chat, top_k: -2 }],
    ["chat_template_kwargs.a", { ...chat, chat_template_kwargs: { a: [] } }],
    ["audio", { ...chat, audio: { voice: "x", format: "wav" } }],
    ["modalities", { ...chat, modalities: ["text", "audio"] }],
    ["reasoning_effort", { ...chat, reasoning_effort: "most" }],
    ["service_tier", { ...chat, service_tier: "priority" }],
    ["store", { ...chat, store: true }],
    ["web_search_options", { ...chat, web_search_options: {} }],
    ["prediction.content", { ...chat, prediction: { type: "content", content: 5 } }],
    ["prompt_cache_options.mode", { ...chat, prompt_cache_options: { mode: "none" } }],
    ["verbosity", { ...chat, verbosity: "high" }],
    ["colour", { ...chat, colour: "red" }],
  ];
  for (const [field, body] of table) {
    assert.equal(
      fieldOf(() => parseChat(body)),
      field,
      JSON.stringify(body)?.slice(0, 200),
    );
  }
});

test("what is wrong with a key is said of the key, and what is no object of the value", () => {
  assert.throws(() => parseChat({ ...chat, logit_bias: { "-1": 1 } }), /logit_bias\.-1 must be a token id/);
  assert.throws(() => parseChat({ ...chat, metadata: [] }), /metadata must be an object/);
  assert.throws(() => parseChat({ ...chat, messages: [{}] }), /messages\[0\]\.role is missing/);
});

test("what is wrong with a completion, or cannot be honoured, is refused by its name", () => {
  const base = { model: "m", prompt: "a" };
  const table: readonly (readonly [field: string, body: object])[] = [
    ["prompt", { model: "m" }],
    ["prompt", { ...base, prompt: 5 }],
    ["prompt", { ...base, prompt: [] }],
    ["prompt", { ...base, prompt: Array(17).fill("a") }],
    ["prompt", { ...base, prompt: Array(9).fill("a"), n: 2 }],
    ["prompt[0][1]", { ...base, prompt: [[1, "a"]] }],
    ["prompt[0]", { ...base, prompt: [[]] }],
    ["prompt[1]", { ...base, prompt: [1, "a"] }],
    ["prompt[1]", { ...base, prompt: [1, -1] }],
    ["prompt[0]", { ...base, prompt: [1.5] }],
    ["max_tokens", { ...base, max_tokens: -1 }],
    ["echo", { ...base, suffix: "b", echo: true, logprobs: 1 }],
    ["best_of", { ...base, n: 3, best_of: 2 }],
    ["best_of", { ...base, best_of: 2, stream: true }],
    ["prompt", { ...base, prompt: ["a", "b"], best_of: 9 }],
    ["suffix", { ...base, prompt: [1], suffix: "b" }],
    ["suffix", { ...base, suffix: ["b"] }],
    ["logprobs", { ...base, logprobs: 6 }],
    ["messages", { ...base, messages }],
  ];
  for (const [field, body] of table) {
    assert.equal(
      fieldOf(() => parseCompletion(body)),
      field,
      JSON.stringify(body),
    );
  }
});
