// The rows of the table of faults that every change has to pass, with fewer streams and eight times the time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { natsSkipReason } from "../support/nats-server.ts";
import { type Figure, type RowSettings, rowOf } from "./row.ts";
import { rows } from "./rows.ts";
import { detailsOf, figureText } from "./table.ts";

const settings: RowSettings = { streams: 12, tokens: 80, isSlice: true };
/** Three engines and a coordinator share two cores with whatever else runs there: at a load of 12, a gap of 0.5 s took 2.5 s. */
const timeFactor = 8;

function isFarOff({ measured, limit, unit }: Figure): boolean {
  return measured === null || measured > (unit === "ms" ? timeFactor * limit : limit);
}

for (const number of [1, 3, 9, 12, 15, 27]) {
  const row = rowOf(rows, number);
  test(`fault row ${number}, ${row.title}: no stream fails and every text is right`, {
    skip: natsSkipReason,
    timeout: 180_000,
  }, async (t) => {
    const outcome = await row.run(settings);
    assert.ok(outcome.kind === "ran", `row ${number} needs nothing that is missing here`);
    for (const line of detailsOf({ row, outcome, seconds: 0 })) t.diagnostic(line.trim());
    assert.deepEqual(outcome.broken, []);
    assert.deepEqual(outcome.figures.filter(isFarOff).map(figureText), []);
  });
}
