import assert from "node:assert/strict";
import { test } from "node:test";
import { tooDeepField } from "./json-depth.ts";

function nested(levels: number, [open, close]: readonly [string, string]): unknown {
  return JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);
}

test("a body may be nested so deep and no deeper, in objects and in lists", () => {
  for (const brackets of [
    ['{"a":', "}"],
    ["[", "]"],
  ] as const) {
    const bodyOf = (levels: number) => ({ model: "m", tools: [nested(levels - 1, brackets)], x: 1 });
    assert.equal(tooDeepField(bodyOf(256)), null);
    assert.equal(tooDeepField(bodyOf(257)), "tools");
    assert.equal(tooDeepField(bodyOf(200_000)), "tools");
  }
  assert.equal(tooDeepField(nested(300, ["[", "]"])), "");
  for (const flat of [null, 1, "text", [], {}, undefined]) assert.equal(tooDeepField(flat), null);
});
