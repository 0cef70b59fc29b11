import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { fewFields, fewItems, jsonObject, parseAt, text, typeAt } from "./field.ts";

/** An object or list whose parts say when they are looked at. */
function watched<Value extends object>(value: Value): { readonly value: Value; readonly seen: () => number } {
  let seen = 0;
  const get = (target: Value, key: PropertyKey): unknown => {
    if (key !== "length" && typeof key === "string") seen += 1;
    return Reflect.get(target, key);
  };
  return { value: new Proxy(value, { get }), seen: () => seen };
}

test("any object is taken as it is, and nothing else is an object", () => {
  const { value, seen } = watched({ a: { b: 1 } });
  assert.equal(parseAt(jsonObject, value, ["x"]), value);
  assert.equal(seen(), 0);
  for (const other of [null, [], "a", 1]) {
    assert.throws(() => parseAt(jsonObject, other, ["x"]), { field: "x", message: "x must be an object" });
  }
  assert.throws(() => parseAt(z.object({ x: jsonObject }), {}, []), { field: "x", message: "x is missing" });
});

test("what holds too much is refused before its parts are looked at", () => {
  const fields = watched({ a: 1, b: 2, c: 3 });
  const pairs = fewFields(2, "pairs").pipe(z.record(z.string(), z.string()));
  assert.throws(() => parseAt(pairs, fields.value, ["x"]), { message: "x must hold at most 2 pairs" });
  assert.equal(fields.seen(), 0);
  for (const other of [null, 1]) assert.throws(() => parseAt(pairs, other, ["x"]), { message: "x must be an object" });
  assert.throws(() => parseAt(pairs, { a: 1 }, ["x"]), { field: "x.a" });
  const items = watched([1, 2, 3]);
  const strings = fewItems(2, "strings").pipe(z.array(z.string()));
  assert.throws(() => parseAt(strings, items.value, ["x"]), { message: "x must hold at most 2 strings" });
  assert.equal(items.seen(), 0);
  assert.throws(() => parseAt(strings, [1], ["x"]), { field: "x[0]" });
});

test("a type is a text, and named where it is none", () => {
  assert.equal(typeAt({ type: "text", more: 1 }, ["x"]), "text");
  assert.throws(() => typeAt({}, ["x"]), { field: "x.type", message: "x.type is missing" });
  assert.throws(() => typeAt({ type: 1 }, ["x"]), { field: "x.type" });
  for (const other of [null, "a", []]) assert.throws(() => typeAt(other, ["x"]), { code: "invalid_request" });
});

test("half a surrogate pair becomes U+FFFD, and whole ones stay", () => {
  assert.equal(parseAt(text, "a\ud800b🍎\udc00", []), "a\ufffdb🍎\ufffd");
});
