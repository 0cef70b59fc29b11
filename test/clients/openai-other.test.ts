// OpenAI's own SDK: what there is beside chats.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { skip, useClientPool } from "./client-pool.ts";
import { said } from "./known-models.ts";

const pool = useClientPool();
const client = (): OpenAI => new OpenAI({ baseURL: `${pool.url}/v1`, apiKey: "none", maxRetries: 0 });

test("completions, whole and streamed, for several prompts", { skip }, async () => {
  const whole = await client().completions.create({ model: "assistant", prompt: ["One.", "Two."], max_tokens: 100 });
  assert.deepEqual(
    whole.choices.map(({ text, finish_reason }) => [text, finish_reason]),
    [
      [said.hello, "stop"],
      [said.hello, "stop"],
    ],
  );
  const stream = await client().completions.create({
    model: "assistant",
    prompt: "One.",
    echo: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let tokens = 0;
  for await (const { choices, usage } of stream) {
    text += choices[0]?.text ?? "";
    tokens = usage?.completion_tokens ?? tokens;
  }
  assert.ok(`One.${said.hello}`.startsWith(text) && text.length > 20);
  assert.ok(tokens > 3);
  const logged = await client().completions.create({ model: "assistant", prompt: "One.", max_tokens: 2, logprobs: 1 });
  assert.equal(logged.choices[0]?.logprobs?.tokens?.length, 2);
});

test("the gap before a suffix is filled, whole and streamed, by a model that was made for it", { skip }, async () => {
  const asked = { model: "assistant", prompt: "def f():", suffix: "return x", max_tokens: 100 };
  assert.equal((await client().completions.create(asked)).choices[0]?.text, said.hello);
  let text = "";
  for await (const { choices } of await client().completions.create({ ...asked, stream: true }))
    text += choices[0]?.text ?? "";
  assert.equal(text, said.hello);
  const error = { status: 400, param: "suffix", message: /thinker/ };
  await assert.rejects(client().completions.create({ ...asked, model: "thinker" }), error);
});

test("models are listed and retrieved", { skip }, async () => {
  const names: string[] = [];
  for await (const model of client().models.list()) names.push(model.id);
  assert.deepEqual(names.sort(), ["assistant", "thinker"]);
  assert.equal((await client().models.retrieve("thinker")).id, "thinker");
  await assert.rejects(client().models.retrieve("gpt-9"), OpenAI.NotFoundError);
});
