import assert from "node:assert/strict";
import { test } from "node:test";
import type { GgufMetadataValue, GgufTensor } from "./gguf/reader.ts";
import { testHeader } from "./memory/test-header.ts";
import { modelCardOf } from "./model-card.ts";

const header = testHeader({ architecture: "llama", figures: { embedding_length: 64, feed_forward_length: [1, 2] } });
const cardWith = (more: Readonly<Record<string, GgufMetadataValue>>, tensors: readonly GgufTensor[] = header.tensors) =>
  modelCardOf({ ...header, tensors, metadata: new Map([...header.metadata, ...Object.entries(more)]) });

test("weights are counted, and single values kept, without the template, lists, places of parts and what is long", () => {
  const card = cardWith({
    "general.name": "Tiny",
    "general.big": 2n ** 60n,
    "general.tied": true,
    "general.licence": "a".repeat(1025),
    "split.no": 0,
    [`general.${"a".repeat(128)}`]: 1,
    "tokenizer.chat_template": "{{ messages }}",
  });
  assert.equal(card.parameterCount, 64_000);
  assert.equal(card.chatTemplate, "{{ messages }}");
  assert.deepEqual(card.values, {
    "llama.embedding_length": 64,
    "general.name": "Tiny",
    "general.big": 2 ** 60,
    "general.tied": true,
  });
});

test("how it is quantised is what the file says, else the type of most of it", () => {
  assert.equal(cardWith({ "general.file_type": 15 }).quantization, "Q4_K_M");
  const tensor = (type: string, bytes: number): GgufTensor => ({ name: "a", dimensions: [bytes], type, bytes });
  const tensors = [tensor("F32", 5), tensor("q4_K", 4), tensor("q4_K", 4)];
  for (const more of [{}, { "general.file_type": 1024 }, { "general.file_type": "all" }])
    assert.equal(cardWith(more, tensors).quantization, "Q4_K");
});

test("whether it thinks is told by its template, and one that is too long is not kept", () => {
  assert.deepEqual([cardWith({}).chatTemplate, cardWith({}).thinking], ["", "never"]);
  assert.equal(cardWith({ "tokenizer.chat_template": "{% if enable_thinking %}" }).thinking, "switched");
  const long = cardWith({ "tokenizer.chat_template": `<think>${"a".repeat(2 ** 18)}` });
  assert.deepEqual([long.chatTemplate, long.thinking], ["", "always"]);
});
