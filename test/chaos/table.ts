// The table that the command prints.
import type { Figure, Row, RowOutcome, RowSkipped } from "./row.ts";

export type RowResult = {
  readonly row: Pick<Row, "number" | "title">;
  readonly outcome: RowOutcome | RowSkipped;
  readonly seconds: number;
};

export function isMissed({ measured, limit }: Figure): boolean {
  return measured === null || measured > limit;
}

export function figureText(figure: Figure): string {
  const { name, measured, limit, unit } = figure;
  const space = unit === "" ? "" : " ";
  const value = measured === null ? "never" : `${measured}${space}${unit}`;
  return `${name} ${value} (${isMissed(figure) ? "MISSED" : "met"}: ${limit}${space}${unit})`;
}

const columns = ["#", "fault", "streams", "failed", "wrong", "longest gap", "moves", "holds"] as const;

/** One line a row, and below it what was measured and seen. */
export function tableOf(results: readonly RowResult[]): string {
  const cells = results.map(({ row, outcome }) => {
    const head = [String(row.number), row.title];
    if (outcome.kind === "skipped") return [...head, "-", "-", "-", "-", "-", "skipped"];
    const { streams, failed, wrong, longestGapMs } = outcome.load;
    const counts = [streams, failed, wrong].map(String);
    const holds = outcome.broken.length > 0 ? "NO" : outcome.figures.some(isMissed) ? "figures MISSED" : "yes";
    return [...head, ...counts, `${Math.round(longestGapMs)} ms`, String(outcome.moves), holds];
  });
  const widths = columns.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(columns), ...cells.flatMap((row, i) => [line(row), ...detailsOf(results[i])])].join("\n");
}

export function detailsOf(result: RowResult | undefined): string[] {
  if (result === undefined) return [];
  const { outcome, seconds } = result;
  if (outcome.kind === "skipped") return [`    skipped: ${outcome.reason}`];
  const lines = [...outcome.broken, ...outcome.figures.map(figureText), ...outcome.facts];
  return [...lines, `${Math.round(seconds)} s in all`].map((text) => `    ${text}`);
}
