// Hurts pools of real processes, one fault after another, and prints what became of the streams.
// npm run test:chaos -- [--rows 1,3,9] [--streams 50] [--tokens 200] [--figures=report] [--json]
import { parseArgs } from "node:util";
import type { Row, RowOutcome, RowSettings } from "./row.ts";
import { rows } from "./rows.ts";
import { detailsOf, isMissed, type RowResult, tableOf } from "./table.ts";

const options = parseArgs({
  options: {
    rows: { type: "string" },
    streams: { type: "string", default: "50" },
    tokens: { type: "string", default: "200" },
    figures: { type: "string", default: "fail" },
    json: { type: "boolean", default: false },
  },
}).values;
const settings: RowSettings = { streams: Number(options.streams), tokens: Number(options.tokens), isSlice: false };
const wanted = options.rows?.split(",").map(Number);

async function runRow(row: Row): Promise<RowResult> {
  const startedAtMs = performance.now();
  const outcome = await row.run(settings).catch((error: unknown) => outcomeOf(error));
  return { row: { number: row.number, title: row.title }, outcome, seconds: (performance.now() - startedAtMs) / 1000 };
}

/** A row that could not be carried through has not held. */
function outcomeOf(error: unknown): RowOutcome {
  const load = { streams: 0, failed: 0, wrong: 0, longestGapMs: 0, p99GapMs: 0, durationMs: 0, errors: {} };
  const broken = [`the row ended early: ${error instanceof Error ? error.message : String(error)}`];
  return { kind: "ran", load, moves: 0, figures: [], facts: [], broken };
}

function hasFailed({ outcome }: RowResult): boolean {
  if (outcome.kind === "skipped") return false;
  return outcome.broken.length > 0 || (options.figures !== "report" && outcome.figures.some(isMissed));
}

const unknown = wanted?.filter((number) => !rows.some((row) => row.number === number)) ?? [];
if (unknown.length > 0) {
  process.stderr.write(`no row ${unknown.join(", ")}: there are ${rows.map(({ number }) => number).join(", ")}\n`);
  process.exit(2);
}
const results: RowResult[] = [];
for (const row of rows) {
  if (wanted !== undefined && !wanted.includes(row.number)) continue;
  process.stderr.write(`row ${row.number}: ${row.title}\n`);
  const result = await runRow(row);
  process.stderr.write(`${detailsOf(result).join("\n")}\n`);
  results.push(result);
}
process.stdout.write(options.json ? `${JSON.stringify({ settings, results })}\n` : `${tableOf(results)}\n`);
process.exit(results.some(hasFailed) ? 1 : 0);
