import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { parseCountTokens, parseMessagesRequest } from "./messages-request.ts";

const user = { role: "user", content: "hi" };
const base = { model: "m", max_tokens: 50, messages: [user] };
const tool = { name: "f", input_schema: { type: "object", properties: {} } };
const call = { type: "tool_use", id: "toolu_abc000", name: "f", input: { a: 1 } };
const result = { type: "tool_result", tool_use_id: "toolu_abc000", content: "42" };
const cached = { cache_control: { type: "ephemeral", ttl: "1h" } };

const parse = (more: object) => parseMessagesRequest({ ...base, ...more }).requests[0];
const messagesOf = (more: object) => {
  const { input } = parse(more);
  return input.kind === "chat" ? input.messages : [];
};

test("a request without settings gets the API's defaults", () => {
  const { requests, isStream } = parseMessagesRequest(base);
  const [request] = requests;
  assert.equal(isStream, false);
  assert.deepEqual(
    [request.api, request.model, request.maxTokens, request.isMaxTokensCut],
    ["anthropic", "m", 50, true],
  );
  assert.equal(request.sampling.temperature, 1);
  assert.equal(request.sampling.topP, 1);
  assert.deepEqual(request.stop, []);
  assert.deepEqual(request.input, {
    kind: "chat",
    messages: [{ role: "user", content: "hi" }],
    templateOptions: { enable_thinking: false },
  });
});

test("every setting that can be honoured arrives", () => {
  const request = parse({
    temperature: 0,
    top_p: 0.5,
    top_k: 7,
    stop_sequences: ["END"],
    metadata: { user_id: "u" },
    service_tier: "auto",
    fallbacks: "default",
    stream: true,
    ...cached,
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    output_config: { format: { type: "json_schema", schema: { type: "object" } } },
  });
  const { temperature, topP, topK } = request.sampling;
  assert.deepEqual([temperature, topP, topK, request.stop], [0, 0.5, 7, ["END"]]);
  assert.deepEqual(request.output.shape, {
    kind: "schema",
    schema: { type: "object" },
    field: "output_config.format.schema",
  });
});

test("system, turns of the same role, results and thoughts become one chat", () => {
  assert.deepEqual(
    messagesOf({
      system: [
        { type: "text", text: "be", ...cached },
        { type: "text", text: "brief" },
      ],
      tools: [tool],
      messages: [
        user,
        { role: "user", content: [{ type: "text", text: "there", ...cached }] },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "x" },
            { type: "redacted_thinking", data: "zz" },
            { type: "text", text: "Let me see.", citations: [] },
            { ...call, caller: { type: "direct" } },
            { ...call, id: "other-1", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { ...result, ...cached },
            { type: "tool_result", tool_use_id: "other-1", is_error: true, content: [{ type: "text", text: "no" }] },
            { type: "text", text: "go on" },
          ],
        },
        { role: "system", content: "hurry" },
      ],
    }),
    [
      { role: "system", content: "be\nbrief" },
      { role: "user", content: "hi\nthere" },
      {
        role: "assistant",
        content: "Let me see.",
        reasoning: "hm",
        toolCalls: [
          { id: "abc000", name: "f", arguments: '{"a":1}' },
          { id: "other-1", name: "f", arguments: "{}" },
        ],
      },
      { role: "tool", content: "42", toolCallId: "abc000", name: "f" },
      { role: "tool", content: "Error: no", toolCallId: "other-1", name: "f" },
      { role: "user", content: "go on" },
      { role: "system", content: "hurry" },
    ],
  );
});

test("tools and how they may be called arrive", () => {
  const described = { ...tool, description: "d", input_examples: [{ a: 1 }], strict: true, type: "custom", ...cached };
  const { input } = parse({ tools: [described] });
  assert.ok(input.kind === "chat");
  assert.deepEqual(input.tools, [
    { name: "f", description: 'd\nExamples of its input: [{"a":1}]', parameters: tool.input_schema, strict: "always" },
  ]);
  const wishOf = (tool_choice: object) => {
    const { toolChoice, isOneCall } = parse({ tools: [tool], tool_choice }).output;
    return [toolChoice, isOneCall];
  };
  assert.deepEqual(wishOf({ type: "auto" }), ["auto", false]);
  assert.deepEqual(wishOf({ type: "auto", disable_parallel_tool_use: true }), ["auto", true]);
  assert.deepEqual(wishOf({ type: "any" }), ["required", false]);
  assert.deepEqual(wishOf({ type: "tool", name: "f", disable_parallel_tool_use: true }), [{ name: "f" }, true]);
  assert.deepEqual(wishOf({ type: "none" }), ["none", false]);
});

test("thinking is asked of the template, and of the model where it must", () => {
  const wishOf = (more: object) => {
    const { input, output } = parse({ max_tokens: 40_000, ...more });
    return [input.kind === "chat" ? input.templateOptions : null, output.thinking ?? null];
  };
  const on = { isOn: true, field: "thinking" };
  const table: readonly (readonly [more: object, options: object, wish: object | null])[] = [
    [{}, { enable_thinking: false }, null],
    [{ thinking: { type: "disabled" } }, { enable_thinking: false }, { isOn: false, field: "thinking" }],
    [{ thinking: { type: "adaptive" } }, { enable_thinking: true }, null],
    [
      { thinking: { type: "adaptive", block_binding: { prefix_mismatch_behavior: "error" } } },
      { enable_thinking: true },
      null,
    ],
    [{ thinking: { type: "enabled", budget_tokens: 1024 } }, { enable_thinking: true, reasoning_effort: "low" }, on],
    [{ thinking: { type: "enabled", budget_tokens: 32_000 } }, { enable_thinking: true, reasoning_effort: "high" }, on],
    [
      { thinking: { type: "enabled", budget_tokens: 32_000 }, output_config: { effort: "low" } },
      { enable_thinking: true, reasoning_effort: "low" },
      on,
    ],
    [{ output_config: { effort: "max" } }, { enable_thinking: false, reasoning_effort: "high" }, null],
  ];
  for (const [more, options, wish] of table) assert.deepEqual(wishOf(more), [options, wish], JSON.stringify(more));
});

test("a thread is begun and never kept", () => {
  assert.equal(parse({ thread: { type: "create" } }).model, "m");
  assert.throws(() => parse({ thread: { type: "continue", previous_message_id: "msg_1" } }), {
    code: "not_found",
    field: "thread",
  });
});

test("what is counted is the prompt of the same request", () => {
  const { max_tokens: _, ...counted } = base;
  assert.deepEqual(parseCountTokens({ ...counted, system: "s", tools: [tool] }), {
    model: "m",
    input: parse({ system: "s", tools: [tool] }).input,
    isContextManaged: false,
  });
  // Whose answers they are, and how fast they come, changes no count.
  const context_management = { edits: [{ type: "clear_thinking_20251015" }] };
  const more = { speed: "fast", compaction: { type: "summarize" }, context_management };
  assert.equal(parseCountTokens({ ...counted, ...more }).isContextManaged, true);
});

function fieldOf(take: () => unknown): string | null {
  try {
    take();
  } catch (thrown) {
    const error = toPomonaError(thrown);
    assert.equal(error.code, "invalid_request", error.message);
    assert.ok(error.message.length < 500, error.message);
    return error.field;
  }
  throw new Error("it was taken");
}

test("what is wrong, or cannot be honoured, is refused by its name", () => {
  const says = (content: unknown, role = "user") => ({ messages: [{ role, content }] });
  const after = (...content: unknown[]) => ({
    messages: [user, { role: "assistant", content: [call] }, { role: "user", content }],
  });
  const image = { type: "image", source: { type: "url", url: "https://a.b/c.png" } };
  const table: readonly (readonly [field: string, more: object])[] = [
    ["model", { model: 7 }],
    ["max_tokens", { max_tokens: undefined }],
    ["max_tokens", { max_tokens: -1 }],
    ["max_tokens", { max_tokens: 1.5 }],
    ["temperature", { temperature: 1.1 }],
    ["temperature", { temperature: "1" }],
    ["top_p", { top_p: -1 }],
    ["top_k", { top_k: 0.5 }],
    ["stop_sequences", { stop_sequences: "END" }],
    ["stop_sequences", { stop_sequences: Array(17).fill("a") }],
    ["stop_sequences[0]", { stop_sequences: [""] }],
    ["stream", { stream: "yes" }],
    ["metadata.user", { metadata: { user: "u" } }],
    ["service_tier", { service_tier: "priority" }],
    ["container", { container: "c" }],
    ["mcp_servers", { mcp_servers: [{}] }],
    ["inference_geo", { inference_geo: "eu" }],
    ["cache_control.type", { cache_control: { type: "permanent" } }],
    ["context_management.edits[0].type", { context_management: { edits: [{ type: "clear_tool_uses_20250919" }] } }],
    ["output_config.effort", { output_config: { effort: "extreme" } }],
    ["output_config.format.type", { output_config: { format: { type: "text" } } }],
    ["output_format.type", { output_format: {} }],
    [
      "output_format",
      {
        output_format: { type: "json_schema", schema: {} },
        output_config: { format: { type: "json_schema", schema: {} } },
      },
    ],
    ["speed", { speed: "fast" }],
    ["fallbacks", { fallbacks: ["other"] }],
    ["compaction", { compaction: { type: "summarize" } }],
    ["diagnostics.previous", { diagnostics: { previous: "a" } }],
    ["thread.type", { thread: { type: "resume" } }],
    ["thread.previous_message_id", { thread: { type: "continue" } }],
    ["seed", { seed: 1 }],
    ["thinking", { thinking: true }],
    ["thinking.type", { thinking: { type: "on" } }],
    ["thinking.budget_tokens", { thinking: { type: "enabled" } }],
    ["thinking.budget_tokens", { thinking: { type: "enabled", budget_tokens: 10 } }],
    ["thinking.budget_tokens", { thinking: { type: "enabled", budget_tokens: 1024 } }],
    ["thinking.budget_tokens", { thinking: { type: "disabled", budget_tokens: 1024 } }],
    ["system[0].text", { system: [{ type: "text" }] }],
    ["system[0].image", { system: [image] }],
    ["system", { system: 5 }],
    ["messages", { messages: undefined }],
    ["messages", { messages: [] }],
    ["messages", { messages: {} }],
    ["messages", { messages: Array(4097).fill(user) }],
    ["messages[0]", { messages: [null] }],
    ["messages[0].role", says("a", "tool")],
    ["messages[0].name", { messages: [{ ...user, name: "ann" }] }],
    ["messages[0].content", says(undefined)],
    ["messages[0].content", says("")],
    ["messages[0].content", says([])],
    ["messages[0].content", says(7)],
    ["messages[0].content[0]", says(["a"])],
    ["messages[0].content[0].image", says([image])],
    ["messages[0].content[0].source.type", says([{ type: "document", source: {} }])],
    ["messages[0].content[0].document", says([{ type: "document", source: { type: "base64", data: "" } }])],
    ["messages[0].content[0].citations", says([{ type: "text", text: "a", citations: [{}] }])],
    [
      "messages[0].content[0].cache_control.ttl",
      says([{ type: "text", text: "a", cache_control: { type: "ephemeral", ttl: "9h" } }]),
    ],
    ["messages[0].content[0].type", says([call])],
    ["messages[0].content[0].tool_use_id", says([result])],
    ["messages[0].content[0].type", { messages: [{ role: "assistant", content: [result] }, user] }],
    [
      "messages[0].content[0].type",
      { messages: [{ role: "assistant", content: [{ type: "server_tool_use" }] }, user] },
    ],
    ["messages[0].content[0].input", { messages: [{ role: "assistant", content: [{ ...call, input: "{}" }] }, user] }],
    ["messages[0].content[0].id", { messages: [{ role: "assistant", content: [{ ...call, id: "a b" }] }, user] }],
    ["messages[0].content[1].id", { messages: [{ role: "assistant", content: [call, call] }, user] }],
    ["messages[2].content[1]", after({ type: "text", text: "so" }, result)],
    ["messages[2].content[1].tool_use_id", after(result, result)],
    ["messages[2].content[0].tool_result.content[0].image", after({ ...result, content: [image] })],
    ["messages[2].content[0].is_error", after({ ...result, is_error: "yes" })],
    ["tools", { tools: {} }],
    ["tools[0].name", { tools: [{ ...tool, name: "a b" }] }],
    ["tools[0].input_schema", { tools: [{ name: "f" }] }],
    ["tools[0].input_schema.type", { tools: [{ name: "f", input_schema: {} }] }],
    ["tools[1]", { tools: [tool, tool] }],
    ["tools[0].type", { tools: [{ type: "web_search_20250305", name: "web_search" }] }],
    ["tools[0].defer_loading", { tools: [{ ...tool, defer_loading: "yes" }] }],
    ["tool_choice", { tool_choice: "auto" }],
    ["tool_choice", { tool_choice: { type: "any" } }],
    ["tool_choice.type", { tools: [tool], tool_choice: { type: "required" } }],
    ["tool_choice.name", { tools: [tool], tool_choice: { type: "tool", name: "g" } }],
    ["tool_choice.name", { tools: [tool], tool_choice: { type: "tool" } }],
  ];
  for (const [field, more] of table)
    assert.equal(
      fieldOf(() => parse(more)),
      field,
      JSON.stringify(more).slice(0, 200),
    );
  assert.equal(
    fieldOf(() => parseCountTokens(base)),
    "max_tokens",
    "an answer is none of its business",
  );
  for (const body of [null, [], "text", 5])
    assert.equal(
      fieldOf(() => parseMessagesRequest(body)),
      null,
    );
});
