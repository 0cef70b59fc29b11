// What is shown to people: bars, sizes, times, tables.

export const barWidth = 20;

/** A bar of 20 characters, filled by the share 0 to 1. */
export function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return "█".repeat(filled) + "░".repeat(barWidth - filled);
}

/** 1.5 GB, 408 MB, 12 kB: powers of ten, as macOS shows them. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** Rows in columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** 12 ms, 1.3 s, 2 min. */
export function time(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** The shortest beginnings of these ids, of eight digits at least, that tell them apart. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  let length = 8;
  while (length < 32 && new Set(ids.map((id) => id.slice(0, length))).size < new Set(ids).size) length += 1;
  return (id) => id.slice(0, length);
}

/** MEMBER_STATE_ALIVE -> alive */
export function shortState(state: string): string {
  return state.replace(/^(MEMBER|REPLICA)_STATE_/, "").toLowerCase();
}
