import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAzure } from "./azure-trace.ts";
import { parseMooncake } from "./mooncake-trace.ts";

test("Mooncake's lines: long prompts are left out, lengths are a quarter, conversations are told by the second block", () => {
  const text = [
    '{"timestamp": 0, "input_length": 2290, "output_length": 316, "hash_ids": [0, 42, 43, 44, 45]}',
    '{"timestamp": 3000, "input_length": 28001, "output_length": 5, "hash_ids": [0, 7]}',
    '{"timestamp": 3000, "input_length": 3, "output_length": 0, "hash_ids": [9]}',
    '{"timestamp": 6000, "input_length": 2615, "output_length": 451, "hash_ids": [0, 42, 43, 44, 99, 98]}',
    "",
  ].join("\n");
  assert.deepEqual(parseMooncake(text), [
    { atMs: 0, promptTokens: 572, outputTokens: 316, blocks: [0, 42, 43, 44], session: 42 },
    { atMs: 3000, promptTokens: 1, outputTokens: 1, blocks: [], session: -3 },
    { atMs: 6000, promptTokens: 653, outputTokens: 451, blocks: [0, 42, 43, 44, 99], session: 42 },
  ]);
});

test("Azure's lines: times count from the first, and no two prompts share a block", () => {
  const text = [
    "TIMESTAMP,ContextTokens,GeneratedTokens",
    "2023-11-16 18:15:46.6805900,374,44",
    "2023-11-16 18:15:50.9951690,396,109",
    "2023-11-16 18:15:51.0000000,9000,1",
    "",
  ].join("\r\n");
  assert.deepEqual(parseAzure(text), [
    { atMs: 0, promptTokens: 374, outputTokens: 44, blocks: [0, 1], session: 1 },
    { atMs: 4315, promptTokens: 396, outputTokens: 109, blocks: [2, 3, 4], session: 2 },
  ]);
});

test("a line that is no request is named", () => {
  assert.throws(() => parseMooncake('{"timestamp": 1}\n'), /line 1 /);
  assert.throws(() => parseAzure("header\nnonsense\n"), /line 2 /);
});
