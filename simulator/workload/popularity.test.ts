import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../random.ts";
import { withModels } from "./popularity.ts";

const rows = Array.from({ length: 4000 }, (_, index) => ({
  atMs: 1000 * index,
  model: "",
  tenant: "",
  conversation: Math.floor(index / 2),
  promptTokens: 1,
  outputTokens: 1,
  blocks: [],
}));

test("models are as popular as the row of their time says, and a conversation stays with its own", () => {
  const names = ["a", "b"];
  const popularity = [
    [0.9, 0.1],
    [0.2, 0.8],
  ];
  const drawn = withModels(rows, { names, popularity, shiftMs: 2_000_000, random: seededRandom(1) });
  const shareOf = (from: number): number =>
    drawn.slice(from, from + 2000).filter(({ model }) => model === "a").length / 2000;
  assert.ok(Math.abs(shareOf(0) - 0.9) < 0.03 && Math.abs(shareOf(2000) - 0.2) < 0.03);
  for (const [index, { model }] of drawn.entries()) if (index % 2 === 1) assert.equal(model, drawn[index - 1]?.model);
});
