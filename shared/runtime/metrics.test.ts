import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { decodeMetricsReport, encodeMetricsReport } from "../grpc/wire-metrics.ts";
import { collectFamilies, type MetricSource, renderMetrics } from "./metrics.ts";

async function nodeSource(node: string, value: number): Promise<MetricSource> {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({ name: "pomona_node_free_bytes", help: "Free bytes.", registers }).set(value);
  const tokens = new Counter({
    name: "pomona_generated_tokens_total",
    help: "Tokens.",
    labelNames: ["model"],
    registers,
  });
  tokens.inc({ model: 'we"ird\\ \n name' }, value);
  const seconds = new Histogram({ name: "pomona_prefill_seconds", help: "Prefill.", buckets: [0.1, 1], registers });
  seconds.observe(0.5);
  const report = { nodeId: node, incarnation: 1, families: await collectFamilies(registry) };
  return { families: decodeMetricsReport(encodeMetricsReport(report)).families, labels: { node } };
}

async function render(): Promise<string> {
  return renderMetrics([await nodeSource("a".repeat(32), 1), await nodeSource("b".repeat(32), 2)]);
}

test("families of several nodes become one, told apart by their label, after a journey over the wire", async () => {
  const lines = (await render()).split("\n");
  assert.equal(lines.filter((line) => line.startsWith("# TYPE pomona_node_free_bytes gauge")).length, 1);
  assert(lines.includes(`pomona_node_free_bytes{node="${"a".repeat(32)}"} 1`));
  assert(lines.includes(`pomona_node_free_bytes{node="${"b".repeat(32)}"} 2`));
  assert(lines.includes(`pomona_prefill_seconds_bucket{le="+Inf",node="${"a".repeat(32)}"} 1`));
  assert(lines.some((line) => line.includes('model="we\\"ird\\\\ \\n name"')));
});

test("promtool finds nothing to say", async (context) => {
  const result = spawnSync("promtool", ["check", "metrics"], {
    input: await render(),
    encoding: "utf8",
    timeout: 10_000,
  });
  if (result.error !== undefined) return context.skip("needs promtool: apt-get install prometheus");
  assert.equal(result.stdout + result.stderr, "");
  assert.equal(result.status, 0);
});

test("a family of another type than the first one's is left out", () => {
  const family = { name: "pomona_x", help: "X.", samples: [{ name: "pomona_x", labels: {}, value: 1 }] };
  const sources: MetricSource[] = [
    { families: [{ ...family, type: "gauge" }], labels: { node: "a" } },
    { families: [{ ...family, type: "counter" }], labels: { node: "b" } },
  ];
  assert.equal(renderMetrics(sources), '# HELP pomona_x X.\n# TYPE pomona_x gauge\npomona_x{node="a"} 1\n');
});

test("hostile metric reports are refused", () => {
  const sample = { name: "pomona_x", labels: {}, value: 1 };
  const family = { name: "pomona_x", help: "", type: "gauge" as const, samples: [sample] };
  const wrong = [
    { ...family, name: 'x{a="b"} 1\n' },
    { ...family, samples: [{ ...sample, name: "other" }] },
    { ...family, samples: [{ ...sample, labels: { "a b": "c" } }] },
    { ...family, samples: new Array(5000).fill(sample) },
  ];
  for (const entry of wrong) {
    const payload = encodeMetricsReport({ nodeId: "a".repeat(32), incarnation: 1, families: [entry] });
    assert.throws(() => decodeMetricsReport(payload), { code: "invalid_request" });
  }
  assert.throws(() => decodeMetricsReport(Buffer.from("not protobuf at all")), { code: "invalid_request" });
});
