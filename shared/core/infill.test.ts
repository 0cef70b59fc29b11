import assert from "node:assert/strict";
import { test } from "node:test";
import { infillTokensOfHeader } from "./gguf/infill-tokens.ts";
import { parseGgufHeader } from "./gguf/reader.ts";
import { type ScriptedOptions, scriptedModel } from "./gguf/scripted-model.ts";
import { writeGguf } from "./gguf/writer.ts";
import { infillPrompt } from "./infill.ts";

/** The prompt for a gap in words, and what ends it, by the file of a model with these tokens. */
function gapOf(options: Omit<ScriptedOptions, "name" | "reply"> & { readonly name?: string }) {
  const { name = "coder", controls = [] } = options;
  const model = scriptedModel({ reply: "Not asked.", ...options, name });
  const bytes = writeGguf(model);
  const parsed = parseGgufHeader(bytes, bytes.length);
  assert.equal(parsed.kind, "header");
  const tokens = infillTokensOfHeader(parsed.header);
  if (tokens === null) return null;
  const list = parsed.header.metadata.get("tokenizer.ggml.tokens");
  assert.ok(typeof list === "object" && list.kind === "array");
  const firstControl = list.count - controls.length;
  const textOf = (part: number | string): string =>
    typeof part === "string" ? part : (controls[part - firstControl] ?? "?");
  const prompt = infillPrompt(tokens, { prefix: "before", suffix: "after" }).map(textOf);
  return { prompt: prompt.join(" "), ends: tokens.ends.map(textOf).join(" ") };
}

for (const { model, controls, prompt, ends = controls.join(" ") } of [
  {
    model: "Qwen2.5-Coder",
    controls: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    prompt: "<|fim_prefix|> before <|fim_suffix|> after <|fim_middle|>",
  },
  {
    model: "StarCoder 2, which goes on with another file",
    controls: ["<file_sep>", "<fim_suffix>", "<fim_prefix>", "<fim_middle>"],
    prompt: "<fim_prefix> before <fim_suffix> after <fim_middle>",
    ends: "<fim_prefix> <fim_suffix> <fim_middle> <file_sep>",
  },
  {
    model: "DeepSeek-Coder",
    controls: ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
    prompt: "<｜fim▁begin｜> before <｜fim▁hole｜> after <｜fim▁end｜>",
  },
  {
    model: "CodeLlama",
    controls: ["▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"],
    prompt: "▁<PRE> before ▁<SUF> after ▁<MID>",
  },
  {
    model: "Seed-Coder, which reads what comes after first",
    controls: ["<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"],
    prompt: "<[fim-suffix]> after <[fim-prefix]> before <[fim-middle]>",
  },
]) {
  test(`the tokens around a gap are found by their texts: ${model}`, () => {
    assert.deepEqual(gapOf({ controls }), { prompt, ends });
  });
}

test("what the header names goes before what is found, by newer and older keys, and an id that is no token is none", () => {
  const controls = ["<A>", "<B>", "<C>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"];
  const newer = { fim_pre_token_id: "<A>", fim_suf_token_id: "<B>", fim_mid_token_id: "<C>" };
  assert.equal(gapOf({ controls, namedControls: newer })?.prompt, "<A> before <B> after <C>");
  const older = { prefix_token_id: "<B>", suffix_token_id: "<A>", middle_token_id: "<C>" };
  assert.equal(gapOf({ controls, namedControls: { ...newer, ...older } })?.prompt, "<B> before <A> after <C>");
  const wrong = { fim_pre_token_id: "no such token" };
  assert.equal(
    gapOf({ controls, namedControls: wrong })?.prompt,
    "<fim_prefix> before <fim_suffix> after <fim_middle>",
  );
});

test("without a token for the middle the text before the gap comes last", () => {
  const controls = ["<A>", "<B>"];
  const namedControls = { fim_pre_token_id: "<A>", fim_suf_token_id: "<B>" };
  assert.equal(gapOf({ controls, namedControls })?.prompt, "<B> after <A> before");
});

test("Mistral's tokens mean something to Codestral alone", () => {
  const controls = ["[PREFIX]", "[MIDDLE]", "[SUFFIX]"];
  assert.equal(gapOf({ name: "Codestral-22B-v0.1", controls })?.prompt, "[SUFFIX] after [PREFIX] before");
  assert.equal(gapOf({ name: "Mistral-7B-Instruct-v0.3", controls }), null);
});

test("a model without such tokens, or with one of them, fills no gaps", () => {
  assert.equal(gapOf({}), null);
  assert.equal(gapOf({ controls: ["<fim_prefix>", "<fim_middle>"] }), null);
  assert.equal(gapOf({ controls: ["<fim_prefix>"], namedControls: { fim_suf_token_id: "no such token" } }), null);
});
