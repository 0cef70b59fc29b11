import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { KnownTerms } from "./known-terms.ts";

const directory = mkdtempSync(join(tmpdir(), "pomona-terms-"));
const path = join(directory, "coordinator-terms.json");
const log = createSilentLogger();

after(() => rmSync(directory, { recursive: true }));

test("a node that was started again holds coordinators to the terms that it knew", () => {
  const first = new KnownTerms(path, log);
  assert.deepEqual([first.note({ cluster: "a", term: 4 }), first.note({ cluster: "b", term: 1 })], [4, 1]);
  const second = new KnownTerms(path, log);
  assert.deepEqual([second.note({ cluster: "a", term: 3 }), second.note({ cluster: "b", term: 2 })], [4, 2]);
});

test("a file that makes no sense, or cannot be written, keeps nobody out", () => {
  writeFileSync(path, "{");
  assert.equal(new KnownTerms(path, log).note({ cluster: "a", term: 1 }), 1);
  const nowhere = new KnownTerms(join(directory, "none", "terms.json"), log);
  assert.deepEqual([nowhere.note({ cluster: "a", term: 5 }), nowhere.note({ cluster: "a", term: 4 })], [5, 5]);
});
