// Anthropic's and Ollama's APIs over the real engine: thoughts, calls and their answers, schemas, stop sequences, limits.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { post, postedJson } from "../support/http-front.ts";
import { TwoNodes } from "../support/two-nodes.ts";

const timeout = 90_000;

/** Shows its tools as Hermes' models do; the last character of the last message decides the answer. */
const chatTemplate =
  "{% if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}" +
  "{% for message in messages %}{{ message.content }}{% endfor %}";
const schema = { type: "object", properties: { city: { enum: ["Oslo", "Rome"] } }, required: ["city"] };
const replies = {
  a: '<think>I should look it up.</think>Let me see. <tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
  b: "The sun shines in Oslo today.",
};
const reply = "Nothing that is asked.";

/** One that does not know when to stop thinking could think to the end of its context where a grammar lets it. */
const models = {
  thinking: scriptedModel({
    name: "thinking",
    reply,
    replies,
    chatTemplate: `{# <think> enable_thinking #}${chatTemplate}`,
  }),
  scripted: scriptedModel({ name: "scripted", reply, replies, chatTemplate }),
};

type Block = {
  readonly type: string;
  readonly id?: string;
  readonly text?: string;
  readonly thinking?: string;
  readonly name?: string;
  readonly input?: object;
};

type Message = {
  readonly content: readonly Block[];
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly usage: {
    readonly input_tokens: number;
    readonly cache_read_input_tokens: number;
    readonly output_tokens: number;
  };
};

type StreamEvent = {
  readonly type: string;
  readonly index?: number;
  readonly content_block?: Block;
  readonly delta?: {
    readonly text?: string;
    readonly thinking?: string;
    readonly partial_json?: string;
    readonly stop_reason?: string;
  };
};

type Line = {
  readonly message: {
    readonly content: string;
    readonly thinking?: string;
    readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: object } }[];
  };
  readonly done: boolean;
  readonly done_reason?: string;
  readonly prompt_eval_count?: number;
  readonly eval_count?: number;
  readonly eval_duration?: number;
};

let pool: TwoNodes;

const jsonOf = <Body>(path: string, body: object): Promise<Body> => postedJson(`${pool.http}${path}`, body);

describe("other APIs over the real engine", { timeout }, () => {
  before(async () => {
    pool = await TwoNodes.start({ engine: "llama", models });
  });
  after(() => pool?.close());

  const said = (content: string, more: object = {}) => ({
    model: "scripted",
    max_tokens: 2000,
    temperature: 0,
    messages: [{ role: "user", content }],
    ...more,
  });
  const tools = [{ name: "get_weather", input_schema: schema }];
  const thinking = { type: "enabled", budget_tokens: 1024 };
  const messages = (body: object) => jsonOf<Message>("/v1/messages", body);

  test("Anthropic: thoughts, text and a call come apart, and the conversation goes on with its result", async () => {
    const asked = said("a", { model: "thinking", tools, thinking });
    const first = await messages(asked);
    assert.deepEqual(
      first.content.map(({ type }) => type),
      ["thinking", "text", "tool_use"],
    );
    const [thoughts, text, call] = first.content;
    assert.deepEqual([thoughts?.thinking, text?.text], ["I should look it up.", "Let me see. "]);
    assert.deepEqual([call?.name, call?.input, first.stop_reason], ["get_weather", { city: "Oslo" }, "tool_use"]);
    assert.ok(first.usage.output_tokens > 10);
    const result = { type: "tool_result", tool_use_id: call?.id, content: [{ type: "text", text: "sunny b" }] };
    const turns = [
      ...asked.messages,
      { role: "assistant", content: first.content },
      { role: "user", content: [result] },
    ];
    const second = await messages({ ...asked, messages: turns });
    assert.deepEqual(second.content, [{ type: "text", text: replies.b, citations: [] }]);
    assert.equal(second.stop_reason, "end_turn");
  });

  test("Anthropic: a stream says the same, block by block", async () => {
    const response = await post(
      `${pool.http}/v1/messages`,
      said("a", { model: "thinking", tools, thinking, stream: true }),
    );
    const events = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(
      ([, data = ""]): StreamEvent => JSON.parse(data),
    );
    const blocks = ["", "", ""];
    for (const { index = 0, delta } of events)
      blocks[index] += delta?.thinking ?? delta?.text ?? delta?.partial_json ?? "";
    assert.deepEqual(blocks, ["I should look it up.", "Let me see. ", '{"city": "Oslo"}']);
    const starts = events.flatMap(({ content_block: block }) => block?.type ?? []);
    assert.deepEqual(starts, ["thinking", "text", "tool_use"]);
    assert.deepEqual([events.at(-2)?.delta?.stop_reason, events.at(-1)?.type], ["tool_use", "message_stop"]);
  });

  test("Anthropic: calls that have to be made are made, formats are kept, and stop sequences named", async () => {
    const forced = await messages(said("b", { tools, tool_choice: { type: "tool", name: "get_weather" } }));
    const [call] = forced.content;
    assert.equal(call?.type, "tool_use");
    assert.match(JSON.stringify(call?.input), /^\{"city":"(Oslo|Rome)"\}$/);
    const format = { type: "json_schema", schema };
    const shaped = await messages(said("b", { output_config: { format } }));
    assert.match(shaped.content[0]?.text ?? "", /"(Oslo|Rome)"/);
    const stopped = await messages(said("b", { stop_sequences: ["never", " in Oslo"] }));
    assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ["stop_sequence", " in Oslo"]);
    assert.equal(stopped.content[0]?.text, "The sun shines");
    const short = await messages(said("b", { max_tokens: 2 }));
    assert.deepEqual([short.stop_reason, short.usage.output_tokens], ["max_tokens", 2]);
    const long = await messages(said("b", { max_tokens: 1_000_000 }));
    assert.equal(long.stop_reason, "end_turn", "more than the context is the rest of it");
  });

  test("Anthropic: what is counted is what is evaluated", async () => {
    const { max_tokens, temperature, ...asked } = said("a", { tools, system: "Be brief." });
    const { input_tokens: counted } = await jsonOf<{ input_tokens: number }>("/v1/messages/count_tokens", asked);
    const { usage } = await messages({ ...asked, max_tokens, temperature });
    assert.equal(usage.input_tokens + usage.cache_read_input_tokens, counted);
    assert.ok(counted > 20);
  });

  const chat = (content: string, more: object = {}) => ({
    model: "scripted",
    messages: [{ role: "user", content }],
    options: { temperature: 0 },
    ...more,
  });
  const ollamaTools = [{ type: "function", function: { name: "get_weather", parameters: schema } }];
  const linesOf = async (body: object): Promise<Line[]> => {
    const response = await post(`${pool.http}/api/chat`, body);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return text
      .trimEnd()
      .split("\n")
      .map((line): Line => JSON.parse(line));
  };

  test("Ollama: thoughts, text and a call come in lines, and the conversation goes on with its result", async () => {
    const asked = chat("a", { model: "thinking:latest", tools: ollamaTools, think: true });
    const lines = await linesOf(asked);
    const all = lines.map(({ message }) => message);
    assert.equal(all.map(({ thinking }) => thinking ?? "").join(""), "I should look it up.");
    assert.equal(all.map(({ content }) => content).join(""), "Let me see. ");
    const calls = all.flatMap(({ tool_calls: calls }) => calls ?? []);
    assert.deepEqual(
      calls.map(({ function: { name, arguments: input } }) => [name, input]),
      [["get_weather", { city: "Oslo" }]],
    );
    const last = lines.at(-1);
    assert.deepEqual([last?.done, last?.done_reason], [true, "stop"]);
    assert.ok((last?.eval_count ?? 0) > 10 && (last?.prompt_eval_count ?? 0) > 20 && (last?.eval_duration ?? 0) > 0);
    const turns = [
      ...asked.messages,
      { role: "assistant", content: "", tool_calls: calls },
      { role: "tool", tool_name: "get_weather", content: "sunny b" },
    ];
    const [whole] = await linesOf({ ...asked, messages: turns, stream: false });
    assert.equal(whole?.message.content, replies.b);
  });

  test("Ollama: formats are kept, limits and stop strings hold, and a model that cannot is said so", async () => {
    const [shaped] = await linesOf(chat("b", { format: schema, stream: false }));
    assert.match(shaped?.message.content ?? "", /"(Oslo|Rome)"/);
    const [short] = await linesOf(chat("b", { options: { temperature: 0, num_predict: 2 }, stream: false }));
    assert.deepEqual([short?.done_reason, short?.eval_count], ["length", 2]);
    const [stopped] = await linesOf(chat("b", { options: { temperature: 0, stop: [" in"] }, stream: false }));
    assert.deepEqual([stopped?.message.content, stopped?.done_reason], ["The sun shines", "stop"]);
    const thinking = await post(`${pool.http}/api/chat`, chat("b", { think: true }));
    assert.equal(thinking.status, 400);
    assert.match(await thinking.text(), /think cannot be honoured: the model does not support thinking/);
    const tooLong = await post(`${pool.http}/api/chat`, chat("b", { options: { num_ctx: 1_000_000 } }));
    assert.equal(tooLong.status, 400);
    assert.match(await tooLong.text(), /num_ctx is 1000000: the context of the model is 8192 tokens/);
  });

  test("Ollama: the model is shown as its file names it, and loaded for whoever asks for nothing else", async () => {
    type Tags = { models: { name: string; size: number; digest: string; details: { family: string } }[] };
    const { models: running } = (await (await fetch(`${pool.http}/api/ps`)).json()) as Tags;
    const [shown] = running;
    assert.ok(shown !== undefined && shown.name === "scripted:latest" && shown.size > 10_000);
    assert.equal(shown.details.family, "llama");
    assert.match(shown.digest, /^[0-9a-f]{64}$/);
    type Card = { template: string; capabilities: string[]; model_info: Record<string, unknown>; details: object };
    const thinking = await jsonOf<Card>("/api/show", { model: "thinking" });
    assert.match(thinking.template, /<think>/);
    assert.ok(thinking.capabilities.includes("thinking"));
    assert.ok(Number(thinking.model_info["general.parameter_count"]) > 1000);
    assert.equal(thinking.model_info["llama.context_length"], 8192);
    assert.ok("quantization_level" in thinking.details && thinking.details.quantization_level !== "");
    const plain = await jsonOf<Card>("/api/show", { model: "scripted" });
    assert.ok(!plain.capabilities.includes("thinking"));
    const loaded = await jsonOf<Line>("/api/generate", { model: "scripted" });
    assert.deepEqual([loaded.done, loaded.done_reason], [true, "load"]);
  });
});
