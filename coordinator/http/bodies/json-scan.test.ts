import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Excess, JsonScan, scanLimits } from "./json-scan.ts";

const { levelsMax, fieldsMax, piecesMax, valuesMax } = scanLimits;

/** Looked at in pieces of so many bytes. */
function scan(text: string, pieceBytes = 1000): Excess | null {
  const body = Buffer.from(text);
  const scanner = new JsonScan();
  for (let from = 0; from < body.length; from += pieceBytes) {
    const excess = scanner.take(body, from, Math.min(body.length, from + pieceBytes));
    if (excess !== null) return excess;
  }
  return null;
}

function nested(levels: number, [open, close]: readonly [string, string]): string {
  return `${open.repeat(levels)}1${close.repeat(levels)}`;
}

/** `count` times the same, each with its number. */
function list(count: number, item: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(",");
}

test("a body may be nested so deep and no deeper, in objects and in lists", () => {
  const reason = `is nested deeper than ${levelsMax} levels`;
  for (const brackets of [
    ['{"a":', "}"],
    ["[", "]"],
  ] as const) {
    const body = (levels: number): string => `{"model":"m","tools":${nested(levels, brackets)},"x":1}`;
    assert.equal(scan(body(levelsMax)), null);
    assert.deepEqual(scan(body(levelsMax + 1)), { field: "tools", reason });
    assert.deepEqual(scan(body(200_000)), { field: "tools", reason });
    // It may go down as often as it likes.
    assert.equal(scan(`[${list(1000, () => nested(100, ["[", "]"]))}]`), null);
  }
  assert.deepEqual(scan("[".repeat(levelsMax + 2)), { field: "", reason });
});

test("an object may have so many fields, and the body so many pieces and values", () => {
  const fields = (count: number): string => `{${list(count, (index) => `"${index}":1`)}}`;
  const reason = `holds an object of more than ${fieldsMax} fields`;
  assert.equal(scan(`{"a":${fields(fieldsMax)},"b":${fields(fieldsMax)}}`), null);
  assert.deepEqual(scan(`{"a":1,"b":[${fields(fieldsMax + 1)}]}`), { field: "b", reason });
  assert.deepEqual(scan(fields(fieldsMax + 1)), { field: "", reason });
  const pieces = `holds more than ${piecesMax} texts, lists and objects`;
  for (const piece of ['""', "[]", "{}"]) {
    assert.equal(scan(`[${list(piecesMax - 1, () => piece)}]`), null);
    assert.deepEqual(scan(`[${list(piecesMax, () => piece)}]`), { field: "", reason: pieces });
  }
  const numbers = `[${"1,".repeat(valuesMax - 1)}1]`;
  assert.equal(scan(numbers, 65_536), null);
  assert.deepEqual(scan(`{"input":${numbers},"a":[1,1]}`, 65_536), {
    field: "",
    reason: `holds more than ${valuesMax} values`,
  });
});

test("what stands in a text is no part of the body, however it comes in pieces", () => {
  const texts = fc.array(
    fc.string({ unit: fc.constantFrom('"', "\\", "[", "{", "é", "🍎", "a", ","), maxLength: 300 }),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 7 }), (list, pieceBytes) => {
      // One level too many: only a scan that has found its way through all the texts says so, and where.
      const body = `{"texts":${JSON.stringify(list)},"deep":${nested(levelsMax + 1, ["[", "]"])}}`;
      assert.equal(scan(body, pieceBytes)?.field, "deep");
      assert.equal(scan(`{"texts":${JSON.stringify(list)}}`, pieceBytes), null);
    }),
    { numRuns: 200 },
  );
});

test("a field is named by what can be shown of it", () => {
  const deep = nested(levelsMax + 1, ["[", "]"]);
  assert.equal(scan(`{"${"k".repeat(5000)}":${deep}}`)?.field, "k".repeat(100));
  assert.equal(scan(`{"a\\"b":${deep}}`)?.field, "a");
  assert.equal(scan(`{ "a" : ${deep}}`)?.field, "a");
  assert.equal(scan(`]]]}}}[${deep}]`)?.field, "");
});
