import assert from "node:assert/strict";
import { test } from "node:test";
import { detectAnswerForm } from "./answer-form.ts";
import { thoughtTags } from "./formats/thought-reader.ts";
import { thoughtFormats } from "./output-parser.ts";
import { parse } from "./testing/parsed-parts.ts";

test("the tags of thoughts are told by the template, and whether the prompt has opened them", () => {
  for (const [template, thoughts] of [
    ["{{ content.split('</think>') }}", "think"],
    ["[THINK]{{ block }}[/THINK] [TOOL_CALLS]", "mistral"],
    ["<seed:think> <seed:tool_call>", "seed"],
    ["<|START_THINKING|> <|START_ACTION|>", "cohere"],
    ["<|channel>thought\n<channel|>", "gemma"],
    ["<|channel|>analysis", "none"],
    ["{{ content }}", "none"],
  ] as const) {
    assert.equal(detectAnswerForm(template, "<think>\n").format.thoughts, thoughts, template);
    const [open, close] = thoughts === "none" ? ["<think>", "</think>"] : thoughtTags[thoughts];
    assert.equal(detectAnswerForm(template, `Hi${open}\n`).startsInReasoning, thoughts !== "none", template);
    assert.equal(detectAnswerForm(template, `Hi${open}\n${close}\n`).startsInReasoning, false, template);
  }
});

test("what a template calls thinking is a switch, and its effort a grade", () => {
  const thinkingOf = (template: string) => detectAnswerForm(template, "").thinking;
  for (const condition of [
    "enable_thinking",
    "if thinking",
    "elif not thinking",
    "if a and thinking is defined",
    "thinking_budget",
  ])
    assert.equal(thinkingOf(`{% ${condition} %}<think>`), "switched", condition);
  assert.equal(thinkingOf("{{ reasoning_effort }} {% if enable_thinking %}"), "graded");
  assert.equal(thinkingOf("<think> message.thinking"), "always");
  assert.equal(thinkingOf("<think> {{ 'text and thinking' }} {% if message.thinking is defined %}"), "always");
  assert.equal(thinkingOf("the thinking of it"), "never");
});

test("Gemma thinks anywhere, and tags that it leaves behind are no text", () => {
  const format = { calls: "gemma", thoughts: "gemma" } as const;
  const answer =
    "<channel|>So<|channel>thought\na<channel|><|tool_call>call:time{}<tool_call|><|channel>thoughtb<channel|>";
  const { text, reasoning, calls } = parse(answer, { format });
  assert.deepEqual([text, reasoning, calls.length], ["So", "ab", 1]);
});

test("thoughts in the tags of each format are told from the answer", () => {
  for (const thoughts of thoughtFormats) {
    if (thoughts === "none") continue;
    const [open, close] = thoughtTags[thoughts];
    const format = { calls: "none", thoughts } as const;
    const later = thoughts === "gemma" ? "" : open;
    const parts = { text: `Yes ${later}`, reasoning: "Hm <.", calls: [] };
    assert.deepEqual(parse(`${open}\nHm <.${close}\n\nYes ${open}`, { format }), parts);
    assert.deepEqual(parse(`\nHm <.${close}Yes ${open}`, { format, startsInReasoning: true }), parts);
    assert.deepEqual(parse(`${open}Hm`, { format }), { text: "", reasoning: "Hm", calls: [] });
  }
});
