import assert from "node:assert/strict";
import { test } from "node:test";
import { fluidCapacity, studyFleet } from "../engine/machine-profile.ts";
import { seededRandom } from "../random.ts";
import { agentRequests } from "./agents.ts";
import { generateTrace } from "./generator.ts";
import { meanOf, sampleRows } from "./sample.ts";
import type { TraceName } from "./trace-files.ts";
import type { TraceRow } from "./trace-row.ts";

function conversationsOf(rows: readonly TraceRow[]): Map<number, TraceRow[]> {
  const found = new Map<number, TraceRow[]>();
  for (const row of rows) found.set(row.session, [...(found.get(row.session) ?? []), row]);
  return found;
}

/** Mean share of a prompt that an endless cache would spare. */
function endlessHit(rows: readonly TraceRow[]): number {
  const seen = new Set<number>();
  let sum = 0;
  for (const { blocks, promptTokens } of rows) {
    let common = 0;
    for (const block of blocks) {
      if (!seen.has(block)) break;
      common += 1;
    }
    for (const block of blocks) seen.add(block);
    sum += Math.min(common * 128, promptTokens - 1) / promptTokens;
  }
  return sum / rows.length;
}

// Measured on the public traces after their scaling: mean prompt and answer, prompts of a conversation, endless cache.
const measured: readonly (readonly [TraceName, number, number, number, number])[] = [
  ["conversation", 2007, 337, 1.61, 0.41],
  ["synthetic", 2037, 179, 1.57, 0.35],
  ["azure-conversation", 1153, 211, 1, 0],
  ["azure-code", 1680, 27.5, 1, 0],
];

for (const [name, prompt, output, turns, hit] of measured) {
  test(`generated rows have the statistics of ${name}`, () => {
    const rows = generateTrace(name, seededRandom(5));
    const mean = meanOf(rows);
    const near = (actual: number, expected: number, what: string): void =>
      assert.ok(Math.abs(actual - expected) <= 0.12 * expected, `${what}: ${actual}, and ${expected} was measured`);
    near(mean.promptTokens, prompt, "prompt");
    near(mean.outputTokens, output, "output");
    near(rows.length / conversationsOf(rows).size, turns, "prompts of a conversation");
    near(endlessHit(rows), hit, "endless cache");
    assert.ok(rows.every(({ blocks, promptTokens }) => blocks.length === Math.floor(promptTokens / 128)));
  });
}

test("a sample has the wanted load, whole conversations and no prompt twice", () => {
  const rows = generateTrace("conversation", seededRandom(1));
  const requestsPerSecond = (mean: { promptTokens: number; outputTokens: number }): number =>
    0.7 * fluidCapacity(studyFleet, mean);
  const sample = sampleRows(rows, { count: 2000, requestsPerSecond, isBinned: false, random: seededRandom(1) });
  assert.equal(sample.length, 2000);
  const seconds = (sample.at(-1)?.atMs ?? 0) / 1000;
  assert.ok(Math.abs(sample.length / seconds - requestsPerSecond(meanOf(sample))) < 1e-6);
  const ofBlock = new Map(rows.map((row) => [row.blocks.at(-1), row.session]));
  const counts = new Map<number, number>();
  for (const { blocks } of sample) {
    const session = ofBlock.get(blocks.at(-1));
    if (session !== undefined) counts.set(session, (counts.get(session) ?? 0) + 1);
  }
  const conversations = conversationsOf(rows);
  const whole = [...counts].filter(([session, count]) => conversations.get(session)?.length === count);
  // Only those at the sample's end are cut off.
  assert.ok(whole.length > 0.9 * counts.size, `${whole.length} of ${counts.size} conversations are whole`);
});

test("a fleet's fluid capacity for the study's conversations is 0.293 requests a second", () => {
  const capacity = fluidCapacity(studyFleet, { promptTokens: 2007, outputTokens: 336.8 });
  assert.ok(Math.abs(capacity - 0.293) < 0.001, String(capacity));
});

test("agents share their system prompts and nothing else", () => {
  const requests = agentRequests({ machines: studyFleet, load: 0.7, count: 300, seed: 1 });
  assert.equal(requests.length, 300);
  const systems = new Set(requests.map(({ blocks }) => blocks.slice(0, 47).join()));
  assert.equal(systems.size, 6);
  assert.ok(requests.every(({ promptTokens, outputTokens }) => promptTokens + outputTokens <= 8192));
});
