import assert from "node:assert/strict";
import { test } from "node:test";
import { parseModelSpec } from "./model-spec.ts";
import { parseBytes, parseCount, parseDuration, parsePort } from "./options.ts";
import { bar, size, table } from "./render.ts";

test("a model is a name and a source; a path's name is its stem", () => {
  assert.deepEqual(parseModelSpec("tiny"), { name: "tiny", source: "builtin:tiny" });
  assert.deepEqual(parseModelSpec("small=builtin:tiny"), { name: "small", source: "builtin:tiny" });
  assert.deepEqual(parseModelSpec("/models/qwen-7b.gguf"), { name: "qwen-7b", source: "/models/qwen-7b.gguf" });
  assert.deepEqual(parseModelSpec("q=file:/models/x.gguf"), { name: "q", source: "/models/x.gguf" });
  assert.deepEqual(parseModelSpec("file:///models/x.gguf"), { name: "x", source: "/models/x.gguf" });
});

test("a model may come from a server or a repository, whose names it has", () => {
  const url = "https://models.example/a/qwen-7b.gguf?download=true";
  assert.deepEqual(parseModelSpec(url), { name: "qwen-7b", source: url });
  assert.deepEqual(parseModelSpec(`q=${url}`), { name: "q", source: url });
  const repository = "hf:Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M";
  assert.deepEqual(parseModelSpec(repository), { name: "Qwen2.5-7B-Instruct", source: repository });
  assert.deepEqual(parseModelSpec(`qwen:7b=${repository}`), { name: "qwen:7b", source: repository });
});

test("a model that cannot be meant is refused with the form", () => {
  for (const text of ["=", "a=", "../x y=/m.gguf", "q=hf:owner", "q=http://h/a", "/models/white space.gguf"]) {
    assert.throws(() => parseModelSpec(text), { code: "invalid_request", message: /NAME=/ }, text);
  }
});

test("ports, counts and sizes are read strictly", () => {
  assert.equal(parsePort("0"), 0);
  assert.throws(() => parsePort("65536"));
  assert.throws(() => parsePort("http"));
  assert.equal(parseCount("3"), 3);
  assert.throws(() => parseCount("0"));
  assert.equal(parseBytes("24GB"), 24e9);
  assert.equal(parseBytes("1.5MB"), 1.5e6);
  assert.equal(parseBytes("1024"), 1024);
  assert.throws(() => parseBytes("many"));
  assert.deepEqual(["90s", "30m", "2h", "1d", "1500ms"].map(parseDuration), [90e3, 1.8e6, 7.2e6, 8.64e7, 1500]);
  assert.throws(() => parseDuration("30"));
});

test("bars, sizes and tables are what people can read", () => {
  assert.equal(bar(0.5), "██████████░░░░░░░░░░");
  assert.equal(bar(2), "█".repeat(20));
  assert.equal(size(999), "999 B");
  assert.equal(size(408_640), "409 kB");
  assert.equal(size(9.5e9), "9.5 GB");
  assert.equal(
    table([
      ["A", "B"],
      ["long", "x"],
    ]),
    "A     B\nlong  x",
  );
});
