// Answers that go on from the beginning that the client gives, by every API, over the real engine.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { PomonaClient } from "@pomona/shared/grpc/inference-client";
import OpenAI from "openai";
import { post, postedJson } from "../support/http-front.ts";
import { TwoNodes } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";

const timeout = 90_000;
const deadlineMs = 30_000;

/** Forgets spaces and thoughts of what the assistant said, thinks before what it says, and calls tools as Hermes' models do. */
const chatTemplate = `{# enable_thinking #}{% if tools %}<tool_call>{{ tools | tojson }}</tool_call>{% endif %}
{%- for message in messages %}{{ message.role }}:{{ message.content.split("</think>")[-1] | trim }}
{% endfor %}{% if add_generation_prompt %}assistant:<think>{% endif %}`;
const long = Array.from({ length: 700 }, (_, index) => `w${1000 + index}x`).join(" ");
const replies = {
  "{": '"city": "Oslo", "degrees": 21}',
  "#": "def sort(list): ```and what was said before```",
  n: " shines in Oslo today.",
  s: '<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>',
  k: "ing: <think> is no thought.",
  l: ` ${long}`,
  ">": "I begin anew.</think>A new answer.",
};
const model = scriptedModel({ name: "scripted", reply: "Nothing that is asked.", replies, chatTemplate });

let pool: TwoNodes;

const jsonOf = <Body>(path: string, body: object): Promise<Body> => postedJson(`${pool.http}${path}`, body);

const user = { role: "user", content: "What is it?" };
const ending = (content: string) => [user, { role: "assistant", content }];

describe("an answer that goes on from its beginning", { timeout }, () => {
  before(async () => {
    pool = await TwoNodes.start({ engine: "llama", models: { scripted: model } });
  });
  after(() => pool?.close());

  type Message = {
    readonly content: readonly { readonly type: string; readonly text?: string; readonly input?: object }[];
    readonly stop_reason: string;
    readonly usage: { readonly input_tokens: number; readonly cache_read_input_tokens: number };
  };
  const asked = (content: string, more: object = {}) => ({
    model: "scripted",
    max_tokens: 3000,
    temperature: 0,
    messages: ending(content),
    ...more,
  });

  test("Anthropic: the rest alone is told, and all of the prompt is counted and held", async () => {
    const system = "Answer with JSON. ".repeat(30);
    const body = asked("{", { system });
    const { max_tokens, temperature, ...counted } = body;
    const { input_tokens } = await jsonOf<{ input_tokens: number }>("/v1/messages/count_tokens", counted);
    const heldOnce = async (): Promise<boolean> => {
      const { content, stop_reason, usage } = await jsonOf<Message>("/v1/messages", body);
      assert.deepEqual(content, [{ type: "text", text: replies["{"], citations: [] }]);
      assert.equal(stop_reason, "end_turn");
      assert.equal(usage.input_tokens + usage.cache_read_input_tokens, input_tokens);
      return usage.cache_read_input_tokens > 100;
    };
    assert.equal(await heldOnce(), false);
    await waitFor(heldOnce, deadlineMs, "the prompt is found in a slot");
    const whole = await jsonOf<{ input_tokens: number }>("/v1/messages/count_tokens", {
      ...counted,
      messages: ending("{1234"),
    });
    assert.equal(whole.input_tokens, input_tokens + 4);
    const question = await jsonOf<Message>("/v1/messages", asked("", { messages: [user] }));
    assert.deepEqual(question.content.at(-1)?.text, "A new answer.");
  });

  test("stop sequences are looked for behind what was given, and not in it", async () => {
    const { content, stop_reason } = await jsonOf<Message>(
      "/v1/messages",
      asked("Oslo shines. The sun", { stop_sequences: ["sun shines", "Oslo"] }),
    );
    assert.deepEqual([content[0]?.text, stop_reason], [" shines in ", "stop_sequence"]);
  });

  test("no thoughts come behind a text, and calls may", async () => {
    const { content } = await jsonOf<Message>("/v1/messages", asked("I think"));
    assert.deepEqual(
      content.map(({ type, text }) => [type, text]),
      [["text", replies.k]],
    );
    const tools = [{ name: "get_weather", input_schema: { type: "object" } }];
    const called = await jsonOf<Message>("/v1/messages", asked("Let's", { tools }));
    assert.deepEqual(
      called.content.map(({ type, input }) => [type, input]),
      [["tool_use", {}]],
    );
  });

  test("what is for whole answers is refused beside the beginning of one, both named", async () => {
    const format = { type: "json_schema", schema: { type: "object" } };
    const tools = [{ name: "get_weather", input_schema: { type: "object" } }];
    const requests: readonly (readonly [path: string, body: object, field: string])[] = [
      ["/v1/messages", asked("{", { output_config: { format } }), "output_config.format.schema"],
      ["/v1/messages", asked("{", { tools, tool_choice: { type: "any" } }), "tool_choice"],
      ["/api/chat", { model: "scripted", messages: ending("Here: {"), format: "json" }, "format"],
    ];
    for (const [path, body, field] of requests) {
      const response = await post(`${pool.http}${path}`, body);
      const text = await response.text();
      assert.equal(response.status, 400, text);
      assert.ok(text.includes(`${field} cannot be honoured`) && text.includes("messages"), text);
    }
  });

  test("OpenAI's clients ask for it in the dialects that have it, and get a new answer without", async () => {
    const client = new OpenAI({ baseURL: `${pool.http}/v1`, apiKey: "none", maxRetries: 0 });
    const ask = async (more: object) => {
      const request = { model: "scripted", temperature: 0, messages: ending("```python\n#"), ...more };
      // The dialects' fields are none of the SDK's types.
      const { choices } = await client.chat.completions.create(
        request as OpenAI.ChatCompletionCreateParamsNonStreaming,
      );
      return choices[0]?.message.content;
    };
    const begun = [user, { role: "assistant", content: "```python\n#", prefix: true }];
    assert.equal(await ask({ messages: begun, stop: ["```"] }), "def sort(list): ");
    const dialect = { continue_final_message: true, add_generation_prompt: false };
    assert.equal(await ask(dialect), replies["#"]);
    assert.equal(await ask({}), "A new answer.");
  });

  test("a schema holds for the beginning and the rest together", async () => {
    const schema = { type: "object", properties: { city: { enum: ["Rome"] } }, required: ["city"] };
    const body = { model: "scripted", messages: ending('{"ci'), format: schema, stream: false };
    const { message } = await jsonOf<{ message: { content: string } }>("/api/chat", body);
    assert.deepEqual(JSON.parse(`{"ci${message.content}`), { city: "Rome" });
    const json_schema = { name: "city", schema };
    const whole = await jsonOf<{ choices: { message: { content: string }; finish_reason: string }[] }>(
      "/v1/chat/completions",
      {
        model: "scripted",
        messages: ending('{"city": "Rome"}'),
        continue_final_message: true,
        response_format: { type: "json_schema", json_schema },
      },
    );
    assert.deepEqual(
      whole.choices.map(({ message, finish_reason }) => [message.content, finish_reason]),
      [["", "stop"]],
    );
  });

  test("Ollama: the answer goes on, whole and line by line", async () => {
    type Line = { readonly message: { readonly content: string }; readonly prompt_eval_count?: number };
    const body = { model: "scripted", messages: ending("{"), options: { temperature: 0 } };
    const whole = await jsonOf<Line>("/api/chat", { ...body, stream: false });
    assert.equal(whole.message.content, replies["{"]);
    const response = await post(`${pool.http}/api/chat`, body);
    const lines = (await response.text()).trimEnd().split("\n");
    const contents = lines.map((line) => (JSON.parse(line) as Line).message.content);
    assert.equal(contents.join(""), replies["{"]);
  });

  test("gRPC: the answer goes on where the chat says so", async () => {
    const client = new PomonaClient([pool.grpc]);
    try {
      const textOf = async (continuesLast: boolean): Promise<string> => {
        let text = "";
        for await (const event of client.generate({
          model: "scripted",
          chat: { messages: ending("{"), continuesLast },
        }))
          if (event.kind === "text") text += event.text;
        return text;
      };
      assert.equal(await textOf(true), replies["{"]);
      assert.equal(await textOf(false), "A new answer.");
      const refused = client.generate({ model: "scripted", chat: { messages: [user], continuesLast: true } });
      await assert.rejects(refused.next(), { code: "invalid_request", field: "chat.continues_last" });
    } finally {
      await client.close();
    }
  });

  test("a Mac that is killed in the middle of it leaves the rest whole", async () => {
    const response = await post(
      `${pool.http}/v1/messages`,
      asked("Tell", { messages: ending("Tell al"), stream: true }),
    );
    const nodeId = response.headers.get("x-pomona-node") ?? "";
    let text = "";
    let killing: Promise<void> | null = null;
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of response.body ?? assert.fail()) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines)
        if (line.startsWith("data: "))
          text += (JSON.parse(line.slice(6)) as { delta?: { text?: string } }).delta?.text ?? "";
      if (text.length > 200) killing ??= pool.node(nodeId).process.kill();
    }
    assert.ok(killing !== null);
    await killing;
    assert.equal(text, replies.l);
    const moves = [...(await pool.series("pomona_resumes_total"))].filter(([labels]) => labels.includes("resumed"));
    assert.ok(moves.reduce((sum, [, count]) => sum + count, 0) > 0, "the answer was moved");
  });
});
