// The Responses API with real processes: a model that calls a tool, thinks, and says what it is told to.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import OpenAI from "openai";
import { post } from "../support/http-front.ts";
import { missingDocument, validatorOf } from "../support/openai-document.ts";
import { hasProgram } from "../support/programs.ts";
import { type RunningPool, startPool } from "../support/running-pool.ts";

const skip = hasProgram("nats-server") ? false : "needs nats-server";
const folder = mkdtempSync(join(tmpdir(), "pomona-models-"));
const model = "scripted";
let pool: RunningPool;
let client: OpenAI;

/** What the conversation comes to decides its last character, and that the reply. */
const chatTemplate = `{#- writes <tool_call> and <think> -#}
{%- for tool in tools -%}{{- tool | tojson -}}{%- endfor -%}
{%- for message in messages -%}
{{- message.role + ": " + message.content -}}
{%- for call in message.tool_calls -%}{{- call.function.name -}}{%- endfor -%}{{- eos_token -}}
{%- endfor -%}
{%- if messages[-1].role == "tool" -%}T{%- elif tools -%}C{%- elif messages | length > 2 -%}P{%- else -%}H{%- endif -%}`;

const replies = {
  T: "It is 18 degrees in Paris.",
  C: '<tool_call>\n{"name": "get_weather", "arguments": {"location": "Paris"}}\n</tool_call>',
  P: "You have asked me that before.",
};

before(async () => {
  if (skip !== false) return;
  const reply = "<think>\nSomebody greets me, so I greet back.\n</think>\n\nHello to you as well.";
  const path = join(folder, `${model}.gguf`);
  writeFileSync(path, writeGguf(scriptedModel({ name: model, reply, replies, chatTemplate })));
  pool = await startPool(["--nodes", "1", "--model", path]);
  client = new OpenAI({ baseURL: `${pool.http}/v1`, apiKey: "none", maxRetries: 0 });
});

after(async () => {
  await pool?.close();
  rmSync(folder, { recursive: true, force: true });
});

const tools = [
  {
    type: "function" as const,
    name: "get_weather",
    parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
    strict: true,
  },
];

function check(schemaName: string, value: unknown): void {
  if (missingDocument === false) assert.deepEqual(validatorOf(schemaName)(value), []);
}

test("a tool is called on the way, and its output is the way to the answer", { skip }, async () => {
  const asked = { model, input: "How warm is it in Paris?", tools, temperature: 0 };
  const stream = client.responses.stream(asked);
  for await (const event of stream) check("ResponseStreamEvent", event);
  const first = await stream.finalResponse();
  const [call] = first.output;
  assert.ok(call?.type === "function_call");
  assert.deepEqual([call.name, JSON.parse(call.arguments)], ["get_weather", { location: "Paris" }]);
  const output = { type: "function_call_output" as const, call_id: call.call_id, output: "18" };
  const next = await client.responses.create({ ...asked, previous_response_id: first.id, input: [output] });
  check("Response", next);
  assert.equal(next.output_text, replies.T);
  // A client may as well send everything itself.
  const items = [{ role: "user" as const, content: asked.input }, call, output];
  assert.equal((await client.responses.create({ ...asked, store: false, input: items })).output_text, replies.T);
});

test("a tool that has to be called is called", { skip }, async () => {
  const asked = { model, input: "Hello!", tools, tool_choice: "required" as const, temperature: 0 };
  const { output } = await client.responses.create(asked);
  assert.deepEqual(
    output.map(({ type }) => type),
    ["function_call"],
  );
});

test("thoughts stand before the answer, and the conversation goes on from it", { skip }, async () => {
  const include = ["message.output_text.logprobs" as const];
  const first = await client.responses.create({ model, input: "Hello!", include, top_logprobs: 2 });
  check("Response", first);
  const [thoughts, message] = first.output;
  assert.ok(thoughts?.type === "reasoning" && message?.type === "message");
  assert.match(thoughts.content?.[0]?.text ?? "", /Somebody greets me, so I greet back\./);
  assert.equal(first.output_text, "Hello to you as well.");
  const [part] = message.content;
  assert.ok(part?.type === "output_text");
  // A token is told whole: that of the first word leads with the space after the thoughts.
  assert.equal(part.logprobs?.map(({ token }) => token).join(""), "\n\nHello to you as well.");
  const { output_tokens, output_tokens_details: details } = first.usage ?? {};
  assert.ok(details !== undefined && details.reasoning_tokens > 0 && details.reasoning_tokens < (output_tokens ?? 0));
  const next = await client.responses.create({ model, input: "Hello?", previous_response_id: first.id });
  assert.equal(next.output_text, replies.P);
  const items = (await client.responses.inputItems.list(next.id, { order: "asc" })).data;
  assert.deepEqual(
    items.map(({ type }) => type),
    ["message", "reasoning", "message", "message"],
  );
});

/** The events of a stream as they were sent, without comments and times. */
async function blocksOf(headers: Record<string, string>): Promise<string[]> {
  const body = JSON.stringify({ model, input: "Hello!", stream: true });
  const all = { "content-type": "application/json", "idempotency-key": "the-same-greeting", ...headers };
  const answer = await post(`${pool.http}/v1/responses`, body, { headers: all });
  assert.equal(answer.status, 200);
  const blocks = (await answer.text()).split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  return blocks.map((block) => block.replace(/"(created|completed)_at":\d+/g, '"$1_at":0'));
}

test("whoever comes back for the rest gets it under the same numbers", { skip }, async () => {
  const blocks = await blocksOf({});
  let compared = 0;
  for (const [index, block] of blocks.entries()) {
    const [, id] = /^id: (\S+)$/m.exec(block) ?? [];
    // The events of the beginning have one id: whoever has the last of them has all.
    if (id === undefined || blocks[index + 1]?.startsWith(`id: ${id}\n`)) continue;
    assert.deepEqual(await blocksOf({ "last-event-id": id }), blocks.slice(index + 1), id);
    compared += 1;
  }
  assert.ok(compared > 5, `only ${compared} ids were tried`);
  assert.equal(blocks.filter((block) => !block.startsWith("id: ")).join(), "data: [DONE]", "all others have ids");
});
