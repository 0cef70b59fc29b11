import assert from "node:assert/strict";
import { test } from "node:test";
import { withOpenThoughts, withoutThoughts, withThoughts } from "./begun-answer.ts";

test("thoughts that go on stand in the block that the prompt has opened, or open one", () => {
  assert.equal(withOpenThoughts("U:a|A:<think>\n", "\nhm", "think"), "U:a|A:<think>\nhm");
  assert.equal(withOpenThoughts("U:a|A:\n", "hm", "think"), "U:a|A:\n<think>hm");
});

test("thoughts that a template leaves out stand before the text, in the place of an empty block", () => {
  const block = "<think>\nhm\n</think>\n\n";
  for (const before of ["A:", "A:<think></think>", "A:<think>\n\n</think>\n\n", "A:</think>", "A:<think>\n"])
    assert.equal(withThoughts(before, " hm", "think"), `A:${block}`, before);
  const told = `A:<think>hm</think>`;
  assert.equal(withThoughts(told, "hm", "think"), told);
  // The name of a role is no thought.
  assert.equal(withThoughts("assistant:", "a", "think"), "assistant:<think>\na\n</think>\n\n");
  assert.equal(withThoughts("A:[THINK]hm[/THINK]", "hm", "mistral"), "A:[THINK]hm[/THINK]");
});

test("without thoughts an empty block is closed as the template closes one, unless it is there already", () => {
  const closed = "U:a|A:<think>\n\n</think>\n\n";
  assert.equal(withoutThoughts("U:a|A:", closed, "think"), closed);
  assert.equal(withoutThoughts("U:a|A:<think></think>\n", "U:a|A:<think></think>", "think"), "U:a|A:<think></think>\n");
  // What opens thoughts, or is another prompt, says nothing of an answer without any.
  assert.equal(withoutThoughts("U:a|A:", "U:a|A:<think>\n", "think"), "U:a|A:");
  assert.equal(withoutThoughts("U:a|A: ", "U:b|A:<think></think>", "think"), "U:a|A: ");
});
