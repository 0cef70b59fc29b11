// Every expression of the dashboard and of the alert rules, executed by a real Prometheus that scrapes a running pool.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { poolDashboard } from "@pomona/grafana/pool-dashboard";
import { parse } from "yaml";
import { hasProgram } from "../support/programs.ts";
import { type RunningPrometheus, startPrometheus } from "../support/real-prometheus.ts";
import { type RunningPool, startPool } from "../support/running-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const root = new URL("../../../", import.meta.url);
const rulesPath = fileURLToPath(new URL("deploy/prometheus/rules.yml", root));
const missing = ["prometheus", "promtool", "nats-server"].filter((name) => !hasProgram(name));
const skip = missing.length > 0 ? `needs ${missing.join(", ")}` : false;

/** Series that a healthy pool without a fault does not have: their expressions must execute, and may be empty. */
const emptyWhenHealthy = /pomona_(resumes|checkpoints)_total/;

let pool: RunningPool;
let prometheus: RunningPrometheus;

before(async () => {
  if (skip !== false) return;
  pool = await startPool(["--nodes", "2"]);
  prometheus = await startPrometheus(new URL(pool.http).host, [rulesPath]);
  await askSometimes();
  await waitFor(async () => (await prometheus.query("rate(pomona_generated_tokens_total[1m]) > 0")).length > 0, 60_000);
});

after(async () => {
  await prometheus?.close();
  await pool?.close();
});

/** Two requests with a scrape between them, so that counters have a rate. */
async function askSometimes(): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await ask();
    const scrapes = await scrapeCount();
    // The nodes' own counters come every 5 s.
    await waitFor(async () => (await scrapeCount()) >= scrapes + 13, 60_000);
  }
  await ask();
}

async function scrapeCount(): Promise<number> {
  const [sample] = await prometheus.query("count_over_time(up[10m])");
  return Number(sample?.value[1] ?? 0);
}

async function ask(): Promise<void> {
  const answer = await fetch(`${pool.http}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tiny", temperature: 0, messages: [{ role: "user", content: "Hello" }] }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

type Expression = { readonly where: string; readonly expr: string; readonly legend: string };

function dashboardExpressions(): Expression[] {
  const panels = poolDashboard().panels ?? [];
  return panels.flatMap((panel) =>
    "targets" in panel
      ? (panel.targets ?? []).map((target) => {
          // The dashboard's targets are Prometheus queries; the SDK types them as any data source's.
          const query = target as { expr?: string; legendFormat?: string };
          return { where: panel.title ?? "", expr: query.expr ?? "", legend: query.legendFormat ?? "" };
        })
      : [],
  );
}

test("promtool finds nothing to criticise in /metrics", { skip }, async () => {
  const text = await (await fetch(pool.metrics)).text();
  const lint = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.equal(lint.status, 0, lint.stderr);
  assert.equal(lint.stderr, "");
});

test("promtool accepts the scrape configuration and the rules, and the rules' own tests pass", { skip }, () => {
  const folder = fileURLToPath(new URL("deploy/prometheus/", root));
  for (const args of [
    ["check", "config", "prometheus.yml"],
    ["check", "rules", "rules.yml"],
    ["test", "rules", "rules.test.yml"],
  ]) {
    const run = spawnSync("promtool", args, { cwd: folder, encoding: "utf8" });
    assert.equal(run.status, 0, run.stdout + run.stderr);
  }
});

test("every expression of the Pool dashboard has data and the labels that its legend names", { skip }, async () => {
  const expressions = dashboardExpressions();
  assert.ok(expressions.length >= 15, `${expressions.length} expressions`);
  for (const { where, expr, legend } of expressions) {
    const samples = await prometheus.query(expr.replaceAll("$__rate_interval", "1m"));
    if (emptyWhenHealthy.test(expr)) continue;
    assert.ok(samples.length > 0, `${where}: no data for ${expr}`);
    for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
      assert.ok(
        samples.every((sample) => sample.metric[label ?? ""]),
        `${where}: label ${label} is missing in ${expr}`,
      );
    }
  }
});

test("every alert rule executes, names series that exist, and stays silent on a healthy pool", { skip }, async () => {
  const { groups } = parse(readFileSync(rulesPath, "utf8")) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  assert.equal(rules.length, 7);
  for (const rule of rules) {
    assert.deepEqual(await prometheus.query(rule.expr), [], rule.alert);
    for (const [name] of rule.expr.matchAll(/pomona_\w+/g)) {
      assert.ok((await prometheus.query(`count(${name})`)).length > 0, `${rule.alert}: no series ${name}`);
    }
  }
});

test("the committed dashboard is what its code makes", () => {
  const committed = readFileSync(new URL("grafana/dashboards/pool.json", root), "utf8");
  assert.equal(committed, `${JSON.stringify(poolDashboard(), null, 2)}\n`);
});
