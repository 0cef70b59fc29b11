import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDeployment } from "@pomona/shared/core/deployment";
import { findDeployment, meant } from "../deployments.ts";
import { scaled } from "./models.ts";

const spec = { ...defaultDeployment, model: "qwen", source: "/q.gguf", digest: "ab", slots: 2 };
const kept = [{ spec, revision: 7, createdAtMs: 0, pinned: null }];

test("a name that is deployed means that deployment, a SPEC another source for it, or a new one", () => {
  assert.deepEqual(meant(kept, "qwen").spec, spec);
  const moved = meant(kept, "qwen=/other.gguf");
  assert.deepEqual(moved, { spec: { ...spec, source: "/other.gguf", digest: null }, revision: 7 });
  const fresh = { ...defaultDeployment, model: "tiny", source: "builtin:tiny" };
  assert.deepEqual(meant(kept, "tiny"), { spec: fresh, revision: 0 });
  assert.throws(() => findDeployment(kept, "tiny"), { code: "not_found", message: /there are: qwen/ });
});

test("a scale is the least, or the least and the most", () => {
  const table: readonly (readonly [number | null, string, number, number | null])[] = [
    [null, "2", 2, null],
    [3, "2", 2, 3],
    [1, "2", 2, 2],
    [1, "0", 0, 1],
    [1, "1..4", 1, 4],
    [4, "2..", 2, null],
    [null, "0..1", 0, 1],
  ];
  for (const [max, text, ...wanted] of table) {
    const { min, max: most } = scaled({ min: 1, max }, text);
    assert.deepEqual([min, most], wanted, `${max} ${text}`);
  }
  for (const text of ["", "x", "-1", "3..2", "0..0", "1...2", "..3"])
    assert.throws(() => scaled({ min: 1, max: null }, text), { code: "invalid_request" }, text);
});
