// Metrics of a node on NATS. From the wire they are validated, because they end up in the coordinator's own /metrics.

import type { MetricSample__Output } from "@pomona/proto/generated/pomona/v1/MetricSample";
import type { MetricsReport__Output } from "@pomona/proto/generated/pomona/v1/MetricsReport";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "../core/errors.ts";
import type { NodeId } from "../core/ids.ts";
import { type MetricFamily, type MetricSample, metricTypes } from "../runtime/metrics.ts";
import { checkCount, checkHexId, checkLength, checkText, fail } from "./wire-checks.ts";

const familiesMax = 256;
const samplesMax = 4096;
const labelsMax = 16;

export type MetricsReport = {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly families: readonly MetricFamily[];
};

/** The payload of a metrics report on NATS. */
export function encodeMetricsReport(report: MetricsReport): Uint8Array {
  const families = report.families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => ({
      ...sample,
      labels: Object.entries(sample.labels).map(([name, value]) => ({ name, value })),
    })),
  }));
  return pomona.MetricsReport.serialize({ nodeId: report.nodeId, incarnation: report.incarnation, families });
}

/** @throws PomonaError `invalid_request` for bytes that are no valid report: at most 256 families, 4,096 samples each. */
export function decodeMetricsReport(payload: Uint8Array): MetricsReport {
  let wire: MetricsReport__Output;
  try {
    wire = pomona.MetricsReport.deserialize(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  } catch (error) {
    throw new PomonaError("invalid_request", "the payload is not a MetricsReport message", { cause: error });
  }
  return {
    nodeId: checkHexId("node_id", wire.nodeId),
    incarnation: checkCount("incarnation", wire.incarnation),
    families: checkLength("families", wire.families, familiesMax).map((family, index) => {
      const field = `families[${index}]`;
      const type = metricTypes.find((known) => known === family.type);
      if (type === undefined) fail(`${field}.type`, `must be one of ${metricTypes.join(", ")}`);
      const name = checkMetricName(`${field}.name`, family.name);
      const samples = checkLength(`${field}.samples`, family.samples, samplesMax);
      return {
        name,
        help: checkText(`${field}.help`, family.help, 1024),
        type,
        samples: samples.map((sample) => sampleFromWire(`${field}.samples`, { sample, name })),
      };
    }),
  };
}

function sampleFromWire(field: string, { sample, name }: { sample: MetricSample__Output; name: string }): MetricSample {
  const suffix = sample.name.startsWith(name) ? sample.name.slice(name.length) : null;
  if (suffix === null || !["", "_bucket", "_sum", "_count"].includes(suffix))
    fail(`${field}.name`, `must begin with ${name}`);
  const labels = checkLength(`${field}.labels`, sample.labels, labelsMax).map(({ name: label, value }) => {
    if (!/^[a-zA-Z_]\w{0,63}$/.test(label)) fail(`${field}.labels`, "must have names of letters, digits and _");
    return [label, checkText(`${field}.labels.${label}`, value, 256)] as const;
  });
  return { name: sample.name, labels: Object.fromEntries(labels), value: sample.value };
}

function checkMetricName(field: string, name: string): string {
  if (!/^[a-zA-Z_:][\w:]{0,127}$/.test(name)) fail(field, "must be a metric name of Prometheus");
  return name;
}
