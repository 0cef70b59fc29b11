import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchWidths } from "./batch-widths.ts";

/** Decodes many steps of `count` streams on a machine with these costs; returns the last plan. */
function settle(widths: BatchWidths, count: number, costMs: (width: number) => number): number[] {
  let plan: number[] = [];
  for (let step = 0; step < 600; step += 1) {
    plan = widths.plan(count);
    assert.equal(
      plan.reduce((sum, width) => sum + width, 0),
      count,
    );
    for (const width of plan) widths.observe(width, costMs(width));
  }
  return plan;
}

test("where a batch costs little more than a stream, all are decoded together", () => {
  const onGpu = (width: number): number => 20 + width;
  for (const count of [1, 2, 3, 8, 13]) assert.deepEqual(settle(new BatchWidths(), count, onGpu), [count]);
});

test("where kernels for few rows are missing, streams are decoded alone or in the widths that are fast", () => {
  // Measured: a Q8_0 model of 135 M parameters on a CPU.
  const measured: Readonly<Record<number, number>> = { 1: 5.7, 2: 27.2, 4: 38.8, 8: 45.1 };
  const onCpu = (width: number): number => measured[width] ?? 10 * width;
  const widths = new BatchWidths();
  assert.deepEqual(settle(widths, 2, onCpu), [1, 1]);
  assert.deepEqual(settle(widths, 4, onCpu), [1, 1, 1, 1]);
  assert.deepEqual(settle(widths, 8, onCpu), [8]);
  assert.deepEqual(settle(widths, 9, onCpu), [8, 1]);
});

test("what has changed is noticed", () => {
  const widths = new BatchWidths();
  assert.deepEqual(
    settle(widths, 4, (width) => 10 * width * width),
    [1, 1, 1, 1],
  );
  assert.deepEqual(
    settle(widths, 4, (width) => 10 + width),
    [4],
  );
});

test("no stream needs no batch", () => {
  assert.deepEqual(new BatchWidths().plan(0), []);
});
