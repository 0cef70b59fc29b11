import type { Registry } from "prom-client";

// The text format: https://prometheus.io/docs/instrumenting/exposition_formats/

/** One time series' value. `name` differs from the family's for the parts of a histogram (_bucket, _sum, _count). */
export type MetricSample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export const metricTypes = ["counter", "gauge", "histogram", "summary"] as const;
export type MetricType = (typeof metricTypes)[number];

export type MetricFamily = {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly MetricSample[];
};

/** Families of one process, and the labels that tell it from the others. */
export type MetricSource = {
  readonly families: readonly MetricFamily[];
  /** Added to every sample; wins over a label of the same name. */
  readonly labels: Readonly<Record<string, string>>;
};

/** What a registry holds now, as a node sends it over NATS. */
export async function collectFamilies(registry: Registry): Promise<readonly MetricFamily[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map((metric) => ({
    name: metric.name,
    help: metric.help,
    type: typeOf(String(metric.type)),
    samples: metric.values.map((sample) => ({
      // Only the parts of histograms and summaries have a name of their own; the types know it for those alone.
      name: "metricName" in sample && typeof sample.metricName === "string" ? sample.metricName : metric.name,
      labels: Object.fromEntries(Object.entries(sample.labels).map(([label, value]) => [label, labelText(value)])),
      value: sample.value,
    })),
  }));
}

/**
 * Text exposition of several processes at once: families of the same name become one, in the order of names. Where
 * two sources disagree on the type of a family, the first one wins and the other's samples are left out.
 */
export function renderMetrics(sources: readonly MetricSource[]): string {
  const merged = new Map<string, { readonly head: MetricFamily; readonly lines: string[] }>();
  for (const { families, labels } of sources) {
    for (const family of families) {
      const entry = merged.get(family.name) ?? { head: family, lines: [] };
      merged.set(family.name, entry);
      if (entry.head.type !== family.type) continue;
      for (const sample of family.samples) entry.lines.push(sampleLine(sample, labels));
    }
  }
  const names = [...merged.keys()].sort();
  return names.map((name) => familyText(merged.get(name))).join("");
}

/** The content type of `renderMetrics`. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

function familyText(entry: { readonly head: MetricFamily; readonly lines: readonly string[] } | undefined): string {
  if (entry === undefined || entry.lines.length === 0) return "";
  const { name, help, type } = entry.head;
  const escapedHelp = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${name} ${escapedHelp}\n# TYPE ${name} ${type}\n${entry.lines.join("\n")}\n`;
}

function sampleLine(sample: MetricSample, extraLabels: Readonly<Record<string, string>>): string {
  const labels = Object.entries({ ...sample.labels, ...extraLabels });
  const inner = labels.map(([label, value]) => `${label}="${escapeLabel(value)}"`).join(",");
  return `${sample.name}${inner === "" ? "" : `{${inner}}`} ${numberText(sample.value)}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function labelText(value: unknown): string {
  return typeof value === "number" ? numberText(value) : String(value);
}

function typeOf(type: string): MetricType {
  return metricTypes.find((known) => known === type) ?? "gauge";
}
