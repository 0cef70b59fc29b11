import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import type { ModelSummary } from "../../core/generation-request.ts";
import { carryConversation } from "./carried-conversation.ts";
import { parseChat, parseGenerate } from "./requests.ts";

const summaryOf = (name: string, contextLength: number): ModelSummary => ({
  name,
  contextLength,
  state: "ready",
  reason: "",
  readyReplicas: 1,
  createdAtMs: 0,
  loading: null,
  survivesNodeLoss: false,
  architecture: "",
  card: null,
  files: [],
  digest: "",
  writes: true,
  embeds: false,
});
const idle: ModelSummary = { ...summaryOf("idle", 4096), state: "idle", readyReplicas: 0 };
const pool = () => [summaryOf("m", 4096), summaryOf("other:latest", 4096), summaryOf("unknown", 0), idle];

const user = { role: "user", content: "hi" };
const chat = { model: "m", messages: [user] };
const call = { function: { name: "f", arguments: { a: 1 } } };
const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];

function askedOf(parsed: ReturnType<typeof parseChat>) {
  assert.ok(parsed.kind === "answer");
  const [request] = parsed.asked.requests;
  return { request, isStream: parsed.asked.isStream };
}
const ofChat = (more: object) => askedOf(parseChat({ ...chat, ...more }, pool));
const ofGenerate = (more: object) => askedOf(parseGenerate({ model: "m", prompt: "hi", ...more }, pool));
function messagesOf(more: object) {
  const { input } = ofChat(more).request;
  return input.kind === "chat" ? input.messages : [];
}

test("a chat without settings gets Ollama's defaults, and comes piece by piece", () => {
  const { request, isStream } = ofChat({});
  assert.equal(isStream, true);
  assert.deepEqual([request.api, request.maxTokens, request.isMaxTokensCut, request.stop], ["ollama", null, true, []]);
  const { temperature, topK, topP, minP, seed, repeatPenalty } = request.sampling;
  assert.deepEqual([temperature, topK, topP, minP, seed, repeatPenalty], [0.8, 40, 0.9, 0, null, 1]);
  assert.deepEqual(request.input, { kind: "chat", messages: [user] });
  assert.equal(request.output.thinking, undefined);
});

test("every option that can be honoured arrives, and hints for the loading are taken", () => {
  const options = {
    num_predict: 7,
    temperature: 0,
    top_k: 5,
    top_p: 0.5,
    min_p: 0.1,
    seed: 3,
    stop: "END",
    repeat_penalty: 1.1,
    presence_penalty: 0.5,
    frequency_penalty: -0.5,
    num_ctx: 4096,
    repeat_last_n: 33,
    typical_p: 0.7,
    mirostat: 0,
    num_gpu: 99,
    num_thread: 4,
    use_mmap: true,
  };
  const { request, isStream } = ofChat({ options, stream: false, keep_alive: "1h30m", truncate: true, shift: false });
  assert.equal(isStream, false);
  assert.deepEqual([request.maxTokens, request.stop], [7, ["END"]]);
  assert.deepEqual(request.sampling, {
    temperature: 0,
    topK: 5,
    topP: 0.5,
    minP: 0.1,
    typicalP: 0.7,
    seed: 3,
    repeatPenalty: 1.1,
    presencePenalty: 0.5,
    frequencyPenalty: -0.5,
    penaltyLastTokens: 33,
    dry: null,
    logitBias: [],
  });
  const none = ofChat({ options: { num_predict: -1, seed: -1, top_k: -1, stop: ["a", "b"] } }).request;
  assert.deepEqual([none.maxTokens, none.sampling.seed, none.sampling.topK, none.stop], [null, null, 0, ["a", "b"]]);
  assert.equal(ofChat({ model: "unknown", options: { num_ctx: 99_999 } }).request.model, "unknown");
});

test("a seed may have 63 bits, as Ollama's own client draws it", () => {
  const seedOf = (seed: number) => ofChat({ options: { seed } }).request.sampling.seed;
  assert.deepEqual([seedOf(2 ** 53 - 1), seedOf(2 ** 53), seedOf(2 ** 62 + 2 ** 20)], [2 ** 53 - 1, 0, 2 ** 20]);
});

test("what the AI SDK says beside the options counts where they say nothing, and calls may be asked for", () => {
  const beside = { temperature: 0.3, top_p: 0.7, max_output_tokens: 9 };
  const settingsOf = (more: object) => {
    const { maxTokens, sampling } = ofChat(more).request;
    return [sampling.temperature, sampling.topP, maxTokens];
  };
  assert.deepEqual(settingsOf(beside), [0.3, 0.7, 9]);
  assert.deepEqual(settingsOf({ ...beside, options: { temperature: 0, top_p: 1, num_predict: 5 } }), [0, 1, 5]);
  const choices = [undefined, "auto", "none", "required", { type: "function", name: "f" }];
  assert.deepEqual(
    choices.map((tool_choice) => ofChat({ tools, tool_choice }).request.output.toolChoice),
    ["auto", "auto", "none", "required", { name: "f" }],
  );
});

test("the default tag is the same model, unless the pool has one that is called so", () => {
  const nameOf = (model: string) => ofChat({ model }).request.model;
  assert.deepEqual(["m", "m:latest", "other:latest", "none:latest", "m:q4"].map(nameOf), [
    "m",
    "m",
    "other:latest",
    "none:latest",
    "m:q4",
  ]);
});

test("calls and what tools answer find each other by id, by name, or in their order", () => {
  const messages = [
    user,
    { role: "assistant", content: "", thinking: "hm", tool_calls: [call, { ...call, id: "x1", index: 1 }] },
    { role: "tool", content: "one", tool_name: "f" },
    { role: "tool", content: "two", tool_call_id: "x1" },
    { role: "assistant", tool_calls: [{ function: { name: "g" } }] },
    { role: "tool", content: "three" },
  ];
  assert.deepEqual(messagesOf({ messages }), [
    user,
    {
      role: "assistant",
      content: "",
      reasoning: "hm",
      toolCalls: [
        { id: "call00000", name: "f", arguments: '{"a":1}' },
        { id: "x1", name: "f", arguments: '{"a":1}' },
      ],
    },
    { role: "tool", content: "one", toolCallId: "call00000", name: "f" },
    { role: "tool", content: "two", toolCallId: "x1", name: "f" },
    { role: "assistant", content: "", toolCalls: [{ id: "call00002", name: "g", arguments: "{}" }] },
    { role: "tool", content: "three", toolCallId: "call00002", name: "g" },
  ]);
});

test("answers to calls that the client has left out of the assistant's message are taken as they are", () => {
  const messages = [
    user,
    { role: "Assistant", content: "" },
    { role: "tool", content: "one" },
    { role: "tool", content: "two", name: "f" },
  ];
  assert.deepEqual(messagesOf({ messages }).slice(1), [
    { role: "assistant", content: "" },
    { role: "tool", content: "one", toolCallId: "call00000" },
    { role: "tool", content: "two", toolCallId: "call00001", name: "f" },
  ]);
});

test("an answer goes on from what the assistant says last, unless that is nothing, or a call", () => {
  const inputOf = (...said: object[]) => {
    const { input } = ofChat({ messages: [user, ...said] }).request;
    return input.kind === "chat" ? { said: input.messages.slice(1), goesOn: input.continuesLast ?? false } : null;
  };
  const begun = { role: "assistant", content: "{ " };
  assert.deepEqual(inputOf(begun), { said: [begun], goesOn: true });
  assert.deepEqual(inputOf({ ...begun, content: "", thinking: "hm" })?.goesOn, true);
  assert.deepEqual(inputOf({ ...begun, content: "" }), { said: [], goesOn: false });
  assert.deepEqual(inputOf({ ...begun, tool_calls: [call] })?.goesOn, false);
  assert.deepEqual(inputOf(begun, user)?.goesOn, false);
});

test("penalties look back so far, on all of the answer, or on nothing", () => {
  const of = (options: object) => ofChat({ options }).request.sampling;
  const windows = [{}, { repeat_last_n: 8 }, { repeat_last_n: -1 }].map((options) => of(options).penaltyLastTokens);
  assert.deepEqual(windows, [64, 8, 2 ** 20]);
  const none = of({ repeat_last_n: 0, repeat_penalty: 1.2, presence_penalty: 1, frequency_penalty: 1 });
  assert.deepEqual([none.repeatPenalty, none.presencePenalty, none.frequencyPenalty], [1, 0, 0]);
});

test("tools, formats, thoughts and log-probabilities are asked for", () => {
  const { input } = ofChat({ tools }).request;
  assert.deepEqual(input.kind === "chat" && input.tools, [{ name: "f", parameters: { type: "object" } }]);
  assert.deepEqual(ofChat({ format: "json" }).request.output.shape, { kind: "json", field: "format" });
  const schema = { type: "object" };
  assert.deepEqual(ofChat({ format: schema }).request.output.shape, { kind: "schema", schema, field: "format" });
  assert.deepEqual(ofChat({ format: "" }).request.output.shape, { kind: "text" });
  assert.equal(ofChat({ logprobs: true, top_logprobs: 3 }).request.output.topLogprobs, 3);
  const thinkOf = (think: unknown) => {
    const { input, output } = ofChat({ think }).request;
    return [input.kind === "chat" ? input.templateOptions : null, output.thinking?.isOn];
  };
  assert.deepEqual(thinkOf(true), [{ enable_thinking: true }, true]);
  assert.deepEqual(thinkOf(false), [{ enable_thinking: false }, false]);
  assert.deepEqual(thinkOf("low"), [{ enable_thinking: true, reasoning_effort: "low" }, true]);
  assert.deepEqual(thinkOf("max"), [{ enable_thinking: true, reasoning_effort: "high" }, true]);
});

test("a prompt is a chat with its system prompt, or the text that it is", () => {
  assert.deepEqual(ofGenerate({ system: "be brief" }).request.input, {
    kind: "chat",
    messages: [{ role: "system", content: "be brief" }, user],
  });
  assert.deepEqual(ofGenerate({ raw: true, system: "" }).request.input, { kind: "text", text: "hi" });
  assert.deepEqual(ofGenerate({ suffix: "", template: "", images: [], context: [] }).request.input, {
    kind: "chat",
    messages: [user],
  });
});

test("a suffix asks for the gap between prompt and suffix, also at the beginning of a text", () => {
  const none = { system: "", template: "", raw: false, context: [] };
  const gap = { kind: "infill", prefix: "hi", suffix: "}" };
  assert.deepEqual(ofGenerate({ suffix: "}", ...none }).request.input, gap);
  assert.deepEqual(ofGenerate({ prompt: "", suffix: "}" }).request.input, { ...gap, prefix: "" });
});

test("a prompt goes on from what was carried, with a new word of the system in the place of the old one", () => {
  const said = [
    { role: "system", content: "be brief" },
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ] as const;
  const context = carryConversation(said);
  const messages = (more: object) => {
    const { input } = ofGenerate({ context, ...more }).request;
    return input.kind === "chat" ? input.messages : [];
  };
  assert.deepEqual(messages({}), [...said, user]);
  assert.deepEqual(messages({ system: "be long" }), [{ role: "system", content: "be long" }, ...said.slice(1), user]);
});

test("no messages and no prompt ask for the model alone", () => {
  const load = { kind: "load", model: "m", asked: "m" };
  assert.deepEqual(parseChat({ model: "m" }, pool), load);
  const tagged = parseChat({ model: "m:latest", messages: [], keep_alive: -1 }, pool);
  assert.deepEqual(tagged, { ...load, asked: "m:latest" });
  assert.deepEqual(parseGenerate({ model: "m", keep_alive: "10m" }, pool), load);
  const unload = { kind: "unload", model: "idle", asked: "idle" };
  assert.deepEqual(parseGenerate({ model: "idle", keep_alive: 0 }, pool), unload);
  assert.deepEqual(parseChat({ model: "idle", keep_alive: "0s" }, pool), unload);
  assert.equal(parseChat({ model: "none", keep_alive: 0 }, pool).kind, "load", "which says that there is none");
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

test("what is wrong with a request, or cannot be honoured, is refused by its name", () => {
  const says = (...messages: unknown[]) => ({ messages });
  const common: readonly (readonly [field: string, more: object])[] = [
    ["model", { model: undefined }],
    ["model", { model: "" }],
    ["stream", { stream: 1 }],
    ["format", { format: "yaml" }],
    ["format", { format: [] }],
    ["think", { think: "hard" }],
    ["keep_alive", { keep_alive: "soon" }],
    ["keep_alive", { keep_alive: {} }],
    ["top_logprobs", { top_logprobs: 3 }],
    ["top_logprobs", { logprobs: true, top_logprobs: 21 }],
    ["truncate", { truncate: "yes" }],
    ["shift", { shift: 1 }],
    ["options", { options: [] }],
    ["options.num_predict", { options: { num_predict: -3 } }],
    ["options.num_ctx", { options: { num_ctx: 4097 } }],
    ["options.temperature", { options: { temperature: "1" } }],
    ["options.seed", { options: { seed: 0.5 } }],
    ["options.seed", { options: { seed: -2 } }],
    ["options.seed", { options: { seed: 1e20 } }],
    ["options.stop", { options: { stop: 5 } }],
    ["options.stop", { options: { stop: Array(17).fill("a") } }],
    ["options.stop[0]", { options: { stop: [""] } }],
    ["options.mirostat", { options: { mirostat: 2 } }],
    ["options.typical_p", { options: { typical_p: 0 } }],
    ["options.repeat_last_n", { options: { repeat_last_n: -2 } }],
    ["options.vocab_only", { options: { vocab_only: true } }],
    ["options.num_gpu", { options: { num_gpu: "all" } }],
    ["options.best_of", { options: { best_of: 2 } }],
  ];
  for (const [field, more] of common) {
    assert.equal(
      fieldOf(() => ofChat(more)),
      field,
      `chat ${JSON.stringify(more)}`,
    );
    assert.equal(
      fieldOf(() => ofGenerate(more)),
      field,
      `generate ${JSON.stringify(more)}`,
    );
  }
  const chats: readonly (readonly [field: string, more: object])[] = [
    ["messages", { messages: "hi" }],
    ["messages", { messages: Array(4097).fill(user) }],
    ["messages[0]", says(null)],
    ["messages[0].role", says({ role: "wizard", content: "a" })],
    ["messages[0].content", says({ role: "user" })],
    ["messages[0].content", says({ role: "user", content: ["a"] })],
    ["messages[0].images", says({ ...user, images: ["AAAA"] })],
    ["messages[0].thinking", says({ ...user, thinking: "hm" })],
    ["messages[0].tool_calls", says({ ...user, tool_calls: [call] })],
    ["messages[0].tool_calls", says({ role: "assistant", content: "", tool_calls: {} })],
    [
      "messages[0].tool_calls[0].function.arguments",
      says({ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "{}" } }] }),
    ],
    ["messages[0]", says({ role: "tool", content: "a" })],
    ["messages[0].tool_name", says({ role: "tool", content: "a", tool_name: "f" })],
    ["messages[0].tool_call_id", says({ role: "tool", content: "a", tool_call_id: "x" })],
    [
      "messages[2]",
      says({ role: "assistant", tool_calls: [call] }, { role: "tool", content: "a" }, { role: "tool", content: "b" }),
    ],
    ["messages[0].tool_name", says({ ...user, tool_name: "f" })],
    ["temperature", { temperature: 11 }],
    ["max_output_tokens", { max_output_tokens: 0 }],
    ["seed", { seed: 1 }],
    ["tool_choice", { tool_choice: "required" }],
    ["tool_choice", { tools, tool_choice: { type: "function", name: "g" } }],
    ["messages[0].name", says({ ...user, name: "f" })],
    ["messages[2]", says({ role: "assistant", content: "a" }, user, { role: "tool", content: "a" })],
    ["tools", { tools: {} }],
    ["tools[0].type", { tools: [{ type: "search" }] }],
    ["prompt", { prompt: "a" }],
    ["template", { template: "{{ .Prompt }}" }],
    ["keep_alive", { messages: [], keep_alive: 0 }],
  ];
  for (const [field, more] of chats)
    assert.equal(
      fieldOf(() => ofChat(more)),
      field,
      JSON.stringify(more).slice(0, 200),
    );
  const prompts: readonly (readonly [field: string, more: object])[] = [
    ["prompt", { prompt: ["a"] }],
    ["temperature", { temperature: 1 }],
    ["tool_choice", { tool_choice: "auto" }],
    ["suffix", { suffix: 5 }],
    ["system", { suffix: "b", system: "s" }],
    ["raw", { suffix: "b", raw: true }],
    ["context", { suffix: "b", context: carryConversation([{ role: "user", content: "a" }]) }],
    ["template", { template: "{{ .Prompt }}" }],
    ["context", { context: [1, 2] }],
    ["images", { images: ["AAAA"] }],
    ["system", { raw: true, system: "s" }],
    ["context", { raw: true, context: carryConversation([{ role: "user", content: "a" }]) }],
    ["messages", { messages: [user] }],
    ["keep_alive", { prompt: "", keep_alive: "0s" }],
  ];
  for (const [field, more] of prompts)
    assert.equal(
      fieldOf(() => ofGenerate(more)),
      field,
      JSON.stringify(more),
    );
  for (const body of [null, [], "text", 5])
    assert.equal(
      fieldOf(() => parseChat(body, pool)),
      null,
    );
});

test("a chat full of answers to calls is read in one pass", () => {
  const calls = Array.from({ length: 256 }, () => call);
  const messages = Array.from({ length: 4000 }, (_, index) =>
    index % 2 === 0 ? { role: "assistant", tool_calls: calls } : { role: "tool", content: "a" },
  );
  assert.equal(messagesOf({ messages }).at(-1)?.toolCallId, "call01999");
});
