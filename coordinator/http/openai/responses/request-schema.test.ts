import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import type { Item } from "./item.ts";
import { type KeptResponses, parseResponses } from "./request-schema.ts";

const message = { role: "user", content: "hi" };
const base = { model: "m", input: "hi" };
const tools = [{ type: "function", name: "f" }];
const call = { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" };

const keptMessage: Item = {
  type: "message",
  id: "msg_kept",
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", text: "I said it.", annotations: [], logprobs: [] }],
};
const keptCall: Item = { ...call, type: "function_call", id: "fc_kept", status: "completed" };
const kept: KeptResponses = {
  conversationOf: (id) => (id === "resp_kept" ? [keptMessage, keptCall] : null),
  itemOf: (id) => (id === keptMessage.id ? keptMessage : null),
};

function parse(body: unknown, isTakenUp = false) {
  return parseResponses(body, kept, isTakenUp);
}

function messagesOf(body: object) {
  const { input } = parse({ model: "m", ...body }).request;
  assert.ok(input.kind === "chat");
  return input.messages;
}

test("a request without settings gets OpenAI's defaults, and is stored", () => {
  const { request, isStream, isStored, settings } = parse(base);
  assert.deepEqual([isStream, isStored, request.maxTokens, request.stop], [false, true, null, []]);
  assert.deepEqual([request.sampling.temperature, request.sampling.topP, request.sampling.seed], [1, 1, null]);
  assert.deepEqual(request.output, {
    shape: { kind: "text" },
    toolChoice: "auto",
    isOneCall: false,
    effort: null,
    effortField: "reasoning.effort",
    parametersField: "tools[].parameters",
    topLogprobs: null,
  });
  assert.deepEqual(settings, {
    echo: {
      background: false,
      conversation: null,
      frequency_penalty: 0,
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      metadata: {},
      parallel_tool_calls: true,
      presence_penalty: 0,
      previous_response_id: null,
      prompt_cache_key: null,
      prompt_cache_retention: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: "default",
      store: true,
      temperature: 1,
      text: { format: { type: "text" }, verbosity: "medium" },
      tool_choice: "auto",
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: "disabled",
    },
    sendsOpaqueThoughts: false,
    thoughtsAreSummary: false,
    namespaced: new Map(),
  });
});

test("every setting that can be honoured arrives, and comes back", () => {
  const schema = { type: "object", properties: { a: { type: "string" } } };
  const asked = {
    instructions: "Be brief.",
    max_output_tokens: 7,
    max_tool_calls: 3,
    metadata: { a: "b" },
    parallel_tool_calls: false,
    presence_penalty: -2,
    frequency_penalty: 2,
    prompt_cache_key: "k",
    safety_identifier: "s",
    store: false,
    temperature: 0,
    tool_choice: "required",
    top_logprobs: 3,
    top_p: 0.5,
    truncation: "disabled",
    user: "u",
    background: false,
    reasoning: { effort: "low", summary: "auto" },
  };
  const { request, isStream, isStored, settings } = parse({
    ...base,
    ...asked,
    seed: 5,
    service_tier: "auto",
    client_metadata: { session_id: "s" },
    prompt_cache_options: { mode: "explicit", ttl: "30m" },
    stream: true,
    stream_options: { include_obfuscation: false },
    include: ["message.output_text.logprobs", "reasoning.encrypted_content", "web_search_call.action.sources"],
    tools: [{ type: "function", name: "f", description: "d", parameters: schema, strict: true }],
    text: { format: { type: "json_schema", name: "n", schema, strict: true }, verbosity: "medium" },
  });
  assert.deepEqual([isStream, isStored, request.maxTokens], [true, false, 7]);
  assert.deepEqual(request.output, {
    shape: { kind: "schema", schema, field: "text.format.schema" },
    toolChoice: "required",
    isOneCall: true,
    effort: "low",
    effortField: "reasoning.effort",
    parametersField: "tools[].parameters",
    topLogprobs: 3,
  });
  const { temperature, topP, seed, presencePenalty, frequencyPenalty } = request.sampling;
  assert.deepEqual([temperature, topP, seed, presencePenalty, frequencyPenalty], [0, 0.5, 5, -2, 2]);
  assert.ok(request.input.kind === "chat");
  assert.deepEqual(request.input.tools, [{ name: "f", description: "d", parameters: schema, strict: "always" }]);
  assert.deepEqual(request.input.templateOptions, { enable_thinking: true, reasoning_effort: "low" });
  const { messages } = request.input;
  assert.match(messages[0]?.content ?? "", /^Be brief\.\n\nAnswer with JSON that matches this JSON schema/);
  assert.deepEqual([settings.sendsOpaqueThoughts, settings.thoughtsAreSummary], [true, true]);
  const { echo } = settings;
  assert.deepEqual({ ...echo, ...asked }, echo);
  assert.deepEqual(echo["tools"], [
    { type: "function", name: "f", description: "d", parameters: schema, strict: true },
  ]);
  assert.deepEqual(echo["text"], {
    format: { type: "json_schema", name: "n", description: "", schema, strict: true },
    verbosity: "medium",
  });
});

test("a tool may be required by its name, or some of them allowed", () => {
  const two = [...tools, { type: "function", name: "g" }];
  const choose = (tool_choice: unknown) => {
    const { request, settings } = parse({ ...base, tools: two, tool_choice });
    return { output: request.output, shown: settings.echo["tool_choice"], input: request.input };
  };
  const named = choose({ type: "function", name: "g" });
  assert.deepEqual([named.output.toolChoice, named.shown], [{ name: "g" }, { type: "function", name: "g" }]);
  const some = { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "f" }] };
  const allowed = choose(some);
  assert.deepEqual([allowed.output.toolChoice, allowed.output.allowedTools, allowed.shown], ["required", ["f"], some]);
  assert.ok(allowed.input.kind === "chat");
  assert.equal(allowed.input.tools?.length, 2, "the model is told all of them");
  assert.equal(parse({ ...base, max_tool_calls: 1 }).request.output.isOneCall, true);
});

test("tools are strict where they can be, unless they say otherwise", () => {
  const strictOf = (more: object) => {
    const { input } = parse({ ...base, tools: [{ type: "function", name: "f", parameters: {}, ...more }] }).request;
    assert.ok(input.kind === "chat");
    return input.tools?.[0]?.strict;
  };
  assert.deepEqual([{}, { strict: null }, { strict: true }, { strict: false }].map(strictOf), [
    "where-possible",
    "where-possible",
    "always",
    undefined,
  ]);
});

test("items become messages: what the model wrote in one go is one of them", () => {
  const items = [
    { role: "developer", content: "Be brief." },
    {
      type: "message",
      role: "user",
      content: [
        { type: "input_text", text: "one " },
        { type: "input_text", text: "two", prompt_cache_breakpoint: { mode: "explicit" } },
      ],
    },
    { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Look." }] },
    {
      role: "assistant",
      phase: "commentary",
      content: [{ type: "output_text", text: "I look.", annotations: [], parsed: null }],
    },
    { ...call, id: "fc_1", status: "completed", parsed_arguments: {} },
    { ...call, call_id: "call_2" },
    { type: "function_call_output", call_id: "call_1", name: "f", output: "42" },
    { type: "function_call_output", call_id: "call_2", output: [{ type: "input_text", text: "43" }] },
    { type: "function_call_output", call_id: "call_1", output: [] },
    { role: "assistant", content: "It is 42.", phase: "final_answer" },
    { role: "system", content: "Stay brief." },
    { role: "user", content: "and now?" },
  ];
  assert.deepEqual(messagesOf({ instructions: "You are kind.", input: items }), [
    { role: "system", content: "You are kind.\n\nBe brief." },
    { role: "user", content: "one two" },
    {
      role: "assistant",
      content: "I look.",
      reasoning: "Look.",
      toolCalls: [
        { id: "call_1", name: "f", arguments: "{}" },
        { id: "call_2", name: "f", arguments: "{}" },
      ],
    },
    { role: "tool", content: "42", toolCallId: "call_1" },
    { role: "tool", content: "43", toolCallId: "call_2" },
    { role: "tool", content: "", toolCallId: "call_1" },
    { role: "assistant", content: "It is 42." },
    { role: "system", content: "Stay brief." },
    { role: "user", content: "and now?" },
  ]);
  const twice = [
    { role: "assistant", content: "a" },
    { role: "assistant", content: "b" },
    { type: "reasoning", summary: [{ type: "summary_text", text: "c" }] },
  ];
  assert.deepEqual(messagesOf({ input: twice }), [
    { role: "assistant", content: "a" },
    { role: "assistant", content: "b" },
    { role: "assistant", content: "", reasoning: "c" },
  ]);
});

test("a conversation goes on from a response that is kept, without its instructions", () => {
  const output = { type: "function_call_output", call_id: "call_1", output: "42" };
  const asked = { model: "m", previous_response_id: "resp_kept", input: [output] };
  assert.deepEqual(messagesOf(asked), [
    { role: "assistant", content: "I said it.", toolCalls: [{ id: "call_1", name: "f", arguments: "{}" }] },
    { role: "tool", content: "42", toolCallId: "call_1" },
  ]);
  const { conversation, settings } = parse(asked);
  assert.deepEqual([conversation.length, settings.echo["previous_response_id"]], [3, "resp_kept"]);
  const reference = { type: "item_reference", id: "msg_kept" };
  assert.deepEqual(messagesOf({ input: [reference, message] })[0], { role: "assistant", content: "I said it." });
  assert.deepEqual(messagesOf({ input: [{ id: "msg_kept" }] }), [{ role: "assistant", content: "I said it." }]);
});

test("a stream that runs already needs nothing that was kept, and is not stored without it", () => {
  const output = { type: "function_call_output", call_id: "call_1", output: "42" };
  const asked = { model: "m", previous_response_id: "resp_lost", input: [output], stream: true };
  assert.equal(parse(asked, true).isStored, false);
  assert.equal(parse({ ...asked, previous_response_id: "resp_kept" }, true).isStored, true);
  const lost = { type: "item_reference", id: "fc_lost" };
  assert.equal(parse({ model: "m", input: [lost, output], stream: true }, true).isStored, false);
  // Whoever asks for a whole answer asks the model.
  assert.throws(() => parse({ ...asked, stream: false }, true), { code: "previous_response_not_found" });
});

function refusalOf(body: unknown): readonly [code: string, field: string | null] {
  try {
    parse(body);
  } catch (thrown) {
    const error = toPomonaError(thrown);
    assert.ok(error.message.length < 500, error.message);
    return [error.code, error.field];
  }
  return ["taken", null];
}

const missing = "x".repeat(300);
const opaque = { type: "reasoning", summary: [], encrypted_content: "gAAAA" };
const image = { type: "input_image", image_url: "https://example.org/a.png" };
const ownImage = [{ role: "user", content: [{ type: "input_text", text: "a" }, image] }];
const longMetadata = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"]));

const refused: readonly (readonly [field: string | null, body: unknown])[] = [
  [null, undefined],
  [null, []],
  ["model", { input: "hi" }],
  ["model", { ...base, model: missing }],
  ["prompt_cache_options.mode", { ...base, prompt_cache_options: { mode: "none" } }],
  ["client_metadata", { ...base, client_metadata: "s" }],
  ["input", { model: "m" }],
  ["input", { ...base, input: 5 }],
  ["input", { ...base, input: [] }],
  ["input", { ...base, input: Array(4097).fill(message) }],
  ["input", { ...base, previous_response_id: "resp_kept", input: Array(4095).fill(message) }],
  ["input[0]", { ...base, input: [null] }],
  ["input[0]", { ...base, input: ["hi"] }],
  ["input[0].type", { ...base, input: [{ type: "web_search_call", id: "a" }] }],
  ["input[0].role", { ...base, input: [{ role: "tool", content: "a" }] }],
  ["input[0].content", { ...base, input: [{ role: "user" }] }],
  ["input[0].content", { ...base, input: [{ role: "user", content: [] }] }],
  ["input[0].content[0].text", { ...base, input: [{ role: "user", content: [{ type: "input_text" }] }] }],
  ["input[0].content[1].type", { ...base, input: ownImage }],
  ["input[0].content[0].type", { ...base, input: [{ role: "user", content: [{ type: "input_audio", data: "" }] }] }],
  ["input[0].content[0].type", { ...base, input: [{ role: "user", content: [{ type: "output_text", text: "" }] }] }],
  ["input[0].phase", { ...base, input: [{ ...message, phase: "commentary" }] }],
  ["input[0].phase", { ...base, input: [{ role: "assistant", content: "a", phase: "draft" }] }],
  ["input[0].colour", { ...base, input: [{ ...message, colour: "red" }] }],
  ["input[0].call_id", { ...base, input: [{ type: "function_call_output", call_id: "c", output: "a" }] }],
  ["input[0].call_id", { ...base, input: [{ ...call, call_id: "" }] }],
  ["input[0].arguments", { ...base, input: [{ ...call, arguments: {} }] }],
  ["input[1].output", { ...base, input: [call, { type: "function_call_output", call_id: "call_1" }] }],
  ["input[0].summary", { ...base, input: [{ type: "reasoning" }] }],
  ["input[0].content[0].type", { ...base, input: [{ type: "reasoning", summary: [], content: [{ type: "text" }] }] }],
  ["input[0].encrypted_content", { ...base, input: [opaque] }],
  ["instructions", { ...base, instructions: ["a"] }],
  ["include", { ...base, include: "all" }],
  ["include[0]", { ...base, include: ["file_search_call"] }],
  ["tools", { ...base, tools: {} }],
  ["tools[0].type", { ...base, tools: [{ type: "web_search" }] }],
  ["tools[0].name", { ...base, tools: [{ type: "function", name: "a b" }] }],
  ["tools[0].function", { ...base, tools: [{ type: "function", name: "f", function: {} }] }],
  ["tools[1]", { ...base, tools: [...tools, ...tools] }],
  ["tool_choice", { ...base, tool_choice: "required" }],
  ["tool_choice", { ...base, tools, tool_choice: "some" }],
  ["tool_choice", { ...base, tools, tool_choice: { type: "function", name: "g" } }],
  ["tool_choice.type", { ...base, tools, tool_choice: { type: "web_search" } }],
  ["tool_choice.tools", { ...base, tools, tool_choice: { type: "allowed_tools", mode: "auto", tools: [] } }],
  [
    "tool_choice.tools[0]",
    { ...base, tools, tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "g" }] } },
  ],
  ["parallel_tool_calls", { ...base, parallel_tool_calls: "no" }],
  ["text.verbosity", { ...base, text: { verbosity: "high" } }],
  ["text.format.type", { ...base, text: { format: { type: "xml" } } }],
  ["text.format.schema", { ...base, text: { format: { type: "json_schema", name: "n" } } }],
  ["text.format.name", { ...base, text: { format: { type: "json_schema", schema: {} } } }],
  ["reasoning.effort", { ...base, reasoning: { effort: "most" } }],
  ["reasoning.summary", { ...base, reasoning: { summary: "concise" } }],
  ["max_output_tokens", { ...base, max_output_tokens: 0 }],
  ["max_tool_calls", { ...base, max_tool_calls: 0 }],
  ["temperature", { ...base, temperature: 2.1 }],
  ["top_p", { ...base, top_p: -1 }],
  ["top_logprobs", { ...base, top_logprobs: 3 }],
  ["top_logprobs", { ...base, top_logprobs: 21, include: ["message.output_text.logprobs"] }],
  ["metadata", { ...base, metadata: longMetadata }],
  ["metadata.a", { ...base, metadata: { a: "v".repeat(513) } }],
  ["store", { ...base, store: "yes" }],
  ["truncation", { ...base, truncation: "auto" }],
  ["background", { ...base, background: true }],
  ["service_tier", { ...base, service_tier: "priority" }],
  ["stream", { ...base, stream: "yes" }],
  ["stream_options", { ...base, stream_options: { include_obfuscation: false } }],
  ["stream_options.include_obfuscation", { ...base, stream: true, stream_options: { include_obfuscation: true } }],
  ["conversation", { ...base, conversation: "conv_1" }],
  ["prompt", { ...base, prompt: { id: "p" } }],
  ["context_management", { ...base, context_management: [{ type: "compaction" }] }],
  ["safety_identifier", { ...base, safety_identifier: missing }],
  ["messages", { ...base, messages: [message] }],
  ["stop", { ...base, stop: "a" }],
  ["n", { ...base, n: 2 }],
];

test("what is wrong, or cannot be honoured, is refused by its name", () => {
  for (const [field, body] of refused)
    assert.deepEqual(refusalOf(body), ["invalid_request", field], JSON.stringify(body)?.slice(0, 200));
});

test("what is not kept is said to be so", () => {
  const previous = refusalOf({ ...base, previous_response_id: "resp_lost" });
  assert.deepEqual(previous, ["previous_response_not_found", "previous_response_id"]);
  const reference = { type: "item_reference", id: "msg_lost" };
  assert.deepEqual(refusalOf({ ...base, input: [message, reference] }), ["not_found", "input[1].id"]);
});
