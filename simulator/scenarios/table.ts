// A comparison for people.
import type { Comparison } from "./compare.ts";

const header = ["policy", "TTFT mean", "p50", "p99", "E2E mean", "p99", "goodput", "prefix", "failed", "loads"];

/** Figures with their ratio to the reference behind them: fixed placement where there is one. */
export function tableOf(comparison: Comparison): string {
  const { scenario, seeds, traces, policies, ratioToLeastConnections, ratioToFixedPlacement } = comparison;
  const rows = Object.entries(policies).map(([policy, metrics]) => {
    const ratios = (ratioToFixedPlacement ?? ratioToLeastConnections)[policy];
    const seconds = (value: number, ratio: number | null | undefined): string =>
      `${value.toFixed(1)} s (${ratio?.toFixed(2) ?? "-"})`;
    const percent = (value: number): string => `${Math.round(100 * value)} %`;
    return [
      policy,
      seconds(metrics.ttftMean, ratios?.ttftMean),
      seconds(metrics.ttftP50, ratios?.ttftP50),
      seconds(metrics.ttftP99, ratios?.ttftP99),
      seconds(metrics.e2eMean, ratios?.e2eMean),
      seconds(metrics.e2eP99, ratios?.e2eP99),
      percent(metrics.goodput),
      percent(metrics.prefixHit),
      metrics.failed.toFixed(0),
      metrics.loads.toFixed(1),
    ];
  });
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = [header, ...rows].map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  );
  const reference = ratioToFixedPlacement === undefined ? "least-connections" : "fixed placement";
  const title = `${scenario}, seeds ${seeds.join(", ")}, ${traces} traces; in brackets the ratio to ${reference}`;
  return `${[title, ...lines.map((cells) => cells.join("  "))].join("\n")}\n`;
}
