// A comparison as a picture: one panel for each figure, one bar for each policy.
import type { Comparison } from "./compare.ts";
import type { Metrics } from "./metrics.ts";

const panels: readonly { readonly title: string; readonly name: keyof Metrics; readonly digits: number }[] = [
  { title: "TTFT mean, s", name: "ttftMean", digits: 1 },
  { title: "TTFT p99, s", name: "ttftP99", digits: 0 },
  { title: "E2E mean, s", name: "e2eMean", digits: 1 },
  { title: "goodput, share", name: "goodput", digits: 2 },
];

const labelWidth = 190;
const panelWidth = 230;
const barHeight = 16;
const top = 56;
const productColor = "#2f7d32";
const otherColor = "#9aa5b1";

/** An SVG of its own, without fonts or scripts from elsewhere. */
export function plotOf({ scenario, seeds, traces, policies }: Comparison): string {
  const names = Object.keys(policies);
  const width = labelWidth + panels.length * panelWidth + 20;
  const height = top + names.length * (barHeight + 6) + 20;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="10" y="20" font-size="15">${scenario}, seeds ${seeds.join(", ")}, ${traces} traces</text>`,
  ];
  for (const [row, name] of names.entries())
    parts.push(`<text x="${labelWidth - 8}" y="${textY(row)}" text-anchor="end">${name}</text>`);
  for (const [column, { title, name, digits }] of panels.entries()) {
    const x = labelWidth + column * panelWidth;
    parts.push(`<text x="${x}" y="44" fill="#444">${title}</text>`);
    const values = Object.values(policies).map((metrics) => metrics[name]);
    const longest = Math.max(...values, Number.MIN_VALUE);
    for (const [row, value] of values.entries()) {
      const length = ((panelWidth - 60) * value) / longest;
      const color = names[row] === "pomona" ? productColor : otherColor;
      parts.push(
        `<rect x="${x}" y="${top + row * (barHeight + 6)}" width="${length.toFixed(1)}" height="${barHeight}" fill="${color}"/>`,
        `<text x="${(x + length + 5).toFixed(1)}" y="${textY(row)}">${value.toFixed(digits)}</text>`,
      );
    }
  }
  return `${[...parts, "</svg>"].join("\n")}\n`;
}

function textY(row: number): number {
  return top + row * (barHeight + 6) + 13;
}
