import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseVariant, hubVariants, type ListedFile } from "./hub-variants.ts";
import { parseSourceName, pinnedHubSource } from "./source-name.ts";

const listed = (path: string, bytes: number): ListedFile => ({ path, bytes, digest: "0".repeat(64) });

test("sources are what they say they are", () => {
  const hub = { kind: "hub", repository: "o/r-GGUF", revision: "main", choice: "" };
  const cases = {
    "builtin:tiny": { kind: "builtin" },
    "hf:o/r-GGUF": hub,
    "hf:o/r-GGUF:Q4_K_M": { ...hub, choice: "Q4_K_M" },
    "hf:o/r-GGUF@v1.0:q8_0": { ...hub, revision: "v1.0", choice: "q8_0" },
    "hf:o/r-GGUF@refs/pr/1": { ...hub, revision: "refs/pr/1" },
    "https://h/x.gguf": { kind: "web", url: "https://h/x.gguf" },
    "/nas/models/x.gguf": { kind: "path", path: "/nas/models/x.gguf" },
    "file:/nas/x.gguf": { kind: "path", path: "file:/nas/x.gguf" },
  };
  for (const [text, name] of Object.entries(cases)) assert.deepEqual(parseSourceName(text), name, text);
  assert.equal(pinnedHubSource("o/r", "c0ffee", "Q4_0"), "hf:o/r@c0ffee:Q4_0");
  assert.equal(pinnedHubSource("o/r", "c0ffee", ""), "hf:o/r@c0ffee");
});

test("what is no source is refused with what one looks like", () => {
  const bad = [
    "",
    "hf:o",
    "hf:o/..",
    "hf:../r",
    "hf:o/r@../x",
    "hf:o/r/x",
    "hf:o/r:a/b",
    "hf:o/r@:Q4",
    "ftp://h/x",
    "/x\n",
    "/a\u202egpj.gguf",
  ];
  for (const text of bad) assert.throws(() => parseSourceName(text), { code: "invalid_request" }, JSON.stringify(text));
});

test("a repository's files become variants, parts together, the smallest first", () => {
  const variants = hubVariants([
    listed("README.md", 10),
    listed("m-Q8_0.gguf", 800),
    listed("m-q4_k_m.gguf", 400),
    listed("mmproj-F16.gguf", 50),
    listed("m.imatrix.gguf", 5),
    listed("BF16/m-BF16-00002-of-00002.gguf", 700),
    listed("BF16/m-BF16-00001-of-00002.gguf", 900),
    listed("F32/m-F32-00001-of-00003.gguf", 900),
    listed("m-UD-IQ2_XXS.gguf", 100),
  ]);
  assert.deepEqual(
    variants.map(({ quant, files }) => [quant, files.map(({ name }) => name)]),
    [
      ["UD-IQ2_XXS", ["m-UD-IQ2_XXS.gguf"]],
      ["Q4_K_M", ["m-q4_k_m.gguf"]],
      ["Q8_0", ["m-Q8_0.gguf"]],
      ["BF16", ["m-BF16-00001-of-00002.gguf", "m-BF16-00002-of-00002.gguf"]],
    ],
  );
  assert.equal(chooseVariant(variants, "q8_0", "hf:o/r").quant, "Q8_0");
  assert.equal(chooseVariant(variants, "m-Q8_0.gguf", "hf:o/r").quant, "Q8_0");
  assert.throws(() => chooseVariant(variants, "Q3_K", "hf:o/r"), {
    code: "not_found",
    message: "hf:o/r has no Q3_K; it has: UD-IQ2_XXS, Q4_K_M, Q8_0, BF16",
  });
});

test("two models of one quantisation go by their names", () => {
  const variants = hubVariants([listed("small-Q4_0.gguf", 1), listed("large-Q4_0.gguf", 2), listed("plain.gguf", 3)]);
  assert.deepEqual(
    variants.map(({ quant }) => quant),
    ["small-Q4_0", "large-Q4_0", "plain"],
  );
});

test("a listing with names that are none is refused", () => {
  for (const path of ["../x.gguf", "a//b.gguf", "/etc/x.gguf", "a\u0000.gguf", "a\\b.gguf", "a/../b.gguf"])
    assert.throws(() => hubVariants([listed(path, 1)]), { code: "transfer_failed" }, JSON.stringify(path));
});
