// Answers that go on from the last message, rendered as templates of several families write it, by the engine's own renderer.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Chat, ChatMessage } from "@pomona/shared/core/generation";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import { eosTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { EngineModels } from "../support/engine-models.ts";

const models = new EngineModels();
after(() => models.remove());

const question: ChatMessage = { role: "user", content: "Q" };
const loop = (body: string): string => `{% for message in messages %}${body}{% endfor %}`;
const generation = (text: string): string => `{% if add_generation_prompt %}${text}{% endif %}`;
const isAnswer = '{% if message.role == "assistant" %}';
/** Splits thoughts from a text, and writes an empty block for none, as Qwen 3 does. */
const splitting = `${isAnswer}A:<think>{{ message.reasoning_content }}</think>{{ message.content.split("</think>")[-1] | trim }}{{ eos_token }}{% else %}U:{{ message.content }};{% endif %}`;
/** Writes nothing before an answer of the past. */
const forgetful = `${isAnswer}A:{{ message.content | trim }}{{ eos_token }}{% else %}U:{{ message.content }};{% endif %}`;

/** By the family that writes so; the text before that of the message, without thoughts and behind "hm". */
const families: readonly {
  readonly name: string;
  readonly template: string;
  readonly before: string;
  readonly behindThoughts: string;
}[] = [
  {
    name: "Llama, Gemma",
    template: loop(forgetful) + generation("A:"),
    before: "U:Q;A:",
    behindThoughts: "U:Q;A:",
  },
  {
    name: "Mistral",
    template: loop(
      `{% if (message.role == "user") != (loop.index0 % 2 == 0) %}{{ raise_exception("alternate") }}{% endif %}${isAnswer} {{ message.content | trim }}{{ eos_token }}{% else %}[INST] {{ message.content }} [/INST]{% endif %}`,
    ),
    before: "[INST] Q [/INST] ",
    behindThoughts: "[INST] Q [/INST] ",
  },
  {
    name: "Qwen 3",
    template: loop(splitting) + generation("A:{% if enable_thinking is false %}<think></think>{% endif %}"),
    before: "U:Q;A:<think></think>",
    behindThoughts: "U:Q;A:<think>hm</think>",
  },
  {
    name: "Gemma 4, Seed-OSS: an empty block before an answer only",
    template: loop(forgetful) + generation("A:{% if enable_thinking is false %}<think>off</think>\n{% endif %}"),
    before: "U:Q;A:<think>off</think>\n",
    behindThoughts: "U:Q;A:<think>\nhm\n</think>\n\n",
  },
  {
    name: "DeepSeek R1: it always thinks, and forgets thoughts",
    template: loop(forgetful) + generation("A:<think>\n"),
    before: "U:Q;A:",
    behindThoughts: "U:Q;A:<think>\nhm\n</think>\n\n",
  },
  {
    name: "gpt-oss",
    template:
      loop(
        `${isAnswer}{% if message.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ message.thinking }}<|end|>{% endif %}<|start|>assistant<|channel|>final<|message|>{{ message.content }}<|return|>{% else %}<|start|>user<|message|>{{ message.content }}<|end|>{% endif %}`,
      ) + generation("<|start|>assistant"),
    before: "<|start|>user<|message|>Q<|end|><|start|>assistant<|channel|>final<|message|>",
    behindThoughts:
      "<|start|>user<|message|>Q<|end|><|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>",
  },
];

const asText = (ids: readonly number[]): string =>
  Buffer.from(ids.map((id) => (id === eosTokenId ? 0x7c : id < 259 ? id - 3 : id - 227))).toString();

type Render = (chat: Chat) => Promise<{ readonly text: string; readonly start: "text" | "thoughts" | "any" }>;

async function withTemplate(chatTemplate: string, run: (render: Render) => Promise<void>): Promise<void> {
  const name = `t${nextName++}`;
  const replica = await models.load(name, () => scriptedModel({ name, reply: "As it was said.", chatTemplate }));
  const render: Render = async (chat) => {
    const { tokenIds, form } = await replica.tokenize({ kind: "chat", ...chat }, AbortSignal.timeout(10_000));
    const { startsInReasoning, startsInText = false } = form;
    return { text: asText(tokenIds.slice(1)), start: startsInText ? "text" : startsInReasoning ? "thoughts" : "any" };
  };
  await run(render).finally(() => replica.close());
}
let nextName = 0;

const begun = (content: string, reasoning?: string): Chat => ({
  messages: [question, { role: "assistant", content, ...(reasoning === undefined ? {} : { reasoning }) }],
  continuesLast: true,
});

describe("the answer goes on where the template writes the text of the assistant", () => {
  for (const { name, template, before, behindThoughts } of families) {
    test(name, async () => {
      await withTemplate(template, async (render) => {
        // No space is lost of it, and no part is taken for the template's own.
        const text = ' {"a</think>": \n';
        assert.deepEqual(await render(begun(text)), { text: before + text, start: "text" });
        assert.deepEqual(await render(begun(text, "hm")), { text: behindThoughts + text, start: "text" });
        const nasty = await render(begun("</s><s>"));
        assert.deepEqual(nasty, { text: `${before}</s><s>`, start: "text" });
        const plain = await render({ messages: [question] });
        assert.notEqual(plain.start, "text");
      });
    });
  }
});

test("thoughts in tags go on, or have their text behind them", async () => {
  const template = loop(splitting) + generation("A:<think>\n");
  await withTemplate(template, async (render) => {
    assert.deepEqual(await render(begun("<think>\nhm")), { text: "U:Q;A:<think>\nhm", start: "thoughts" });
    assert.deepEqual(await render(begun("<think>hm</think>\n\n{")), {
      text: "U:Q;A:<think>hm</think>{",
      start: "text",
    });
    // Behind thoughts alone the answer is whole, whatever it is to be.
    assert.deepEqual(await render(begun("", "hm")), { text: "U:Q;A:<think>hm</think>", start: "any" });
  });
});

test("behind the thoughts of gpt-oss alone, the answer may be a call or a text", async () => {
  const [template = ""] = families.filter(({ name }) => name === "gpt-oss").map((family) => family.template);
  await withTemplate(template, async (render) => {
    const { text, start } = await render(begun("", "hm"));
    assert.ok(text.endsWith("<|channel|>analysis<|message|>hm<|end|><|start|>assistant"), text);
    assert.equal(start, "any");
  });
});

test("two answers in a row are one where the template wants turns", async () => {
  const [template = ""] = families.filter(({ name }) => name === "Mistral").map((family) => family.template);
  await withTemplate(template, async (render) => {
    const said = ["One.", "Two "].map((content): ChatMessage => ({ role: "assistant", content }));
    const { text } = await render({ messages: [question, ...said], continuesLast: true });
    assert.equal(text, "[INST] Q [/INST] One.\n\nTwo ");
  });
});

test("a template that leaves out what the assistant says last says so", async () => {
  const questions = loop('{% if message.role == "user" %}{{ message.content }}{% endif %}');
  await withTemplate(questions, async (render) => {
    const words = /it leaves the last message out: this model does not support assistant message prefill/;
    await assert.rejects(render(begun("{")), { code: "invalid_request", field: "messages", message: words });
  });
});

test("what is shared with others ends before the question all the same", async () => {
  const template = loop(forgetful.replace("U:{{", "{{ message.role }}:{{"));
  const replica = await models.load("shared", () =>
    scriptedModel({ name: "shared", reply: "As.", chatTemplate: template }),
  );
  const system = { role: "system", content: "Be kind." } as const;
  const chat = { ...begun("{"), messages: [system, ...begun("{").messages], isSystemShared: true };
  const { tokenIds, sharedTokens } = await replica.tokenize({ kind: "chat", ...chat }, AbortSignal.timeout(10_000));
  assert.equal(asText(tokenIds.slice(1, sharedTokens)), "system:Be kind.;user:");
  await replica.close();
});
