import assert from "node:assert/strict";
import { test } from "node:test";
import { parseModelSource } from "./model-source.ts";

const hf = { kind: "hf", owner: "Qwen", repository: "Qwen2.5-7B-GGUF", revision: null, quant: null } as const;

test("a source is built in, a path, https: or a repository", () => {
  assert.deepEqual(parseModelSource("builtin:tiny"), { kind: "builtin" });
  for (const text of ["/models/a b.gguf", "file:/models/a b.gguf", "file:///models/a b.gguf"])
    assert.deepEqual(parseModelSource(text), { kind: "path", path: "/models/a b.gguf" });
  const url = "https://models.example/a/b.gguf?download=true";
  assert.deepEqual(parseModelSource(url), { kind: "https", url });
  assert.deepEqual(parseModelSource("hf:Qwen/Qwen2.5-7B-GGUF"), hf);
  assert.deepEqual(parseModelSource("hf:Qwen/Qwen2.5-7B-GGUF:Q4_K_M"), { ...hf, quant: "Q4_K_M" });
  const pinned = { ...hf, revision: "refs/pr/3", quant: "Q8_0" };
  assert.deepEqual(parseModelSource("hf:Qwen/Qwen2.5-7B-GGUF@refs/pr/3:Q8_0"), pinned);
});

test("what is no source is none", () => {
  const wrong = [
    ...["", "tiny", "models/a.gguf", "../a.gguf", "file:a.gguf", "file:", "file://host/a.gguf", "builtin:huge"],
    ...["http://host/a.gguf", "https:", "https://", "https://host", "https://user@host/a", "https:///a", "ftp://h/a"],
    ...["hf:", "hf:repo", "hf:a/b/c", "hf:../b", "hf:a/..", "hf:a/b@..", "hf:a/b@x/../y", "hf:a/b:", "hf:a b/c"],
    ...["/models/\u0007.gguf", "/models/a\n.gguf", `/${"a".repeat(5000)}`, "/models/\u202e.gguf"],
  ];
  for (const text of wrong) assert.equal(parseModelSource(text), null, text);
});
