import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../main.js", import.meta.url));

function simulate(...words: string[]) {
  const env = { ...process.env, POMONA_TRACES: "" };
  return spawnSync(process.execPath, [main, ...words], { encoding: "utf8", env });
}

test("one JSON object with the figures and their ratios, and a plot", () => {
  const folder = mkdtempSync(join(tmpdir(), "pomona-plot-"));
  const plot = join(folder, "plot.svg");
  const words = [
    "--scenario",
    "homogeneous-70",
    "--seeds",
    "1-2",
    "--policies",
    "central-lc",
    "--json",
    "--plot",
    plot,
  ];
  const { status, stdout, stderr } = simulate(...words);
  assert.deepEqual([status, stderr], [0, ""]);
  const result = JSON.parse(stdout);
  assert.deepEqual(Object.keys(result), ["scenario", "seeds", "traces", "policies", "ratioToLeastConnections"]);
  assert.deepEqual([result.scenario, result.seeds, result.traces], ["homogeneous-70", [1, 2], "generated"]);
  const figures = ["ttftMean", "ttftP50", "ttftP99", "e2eMean", "e2eP99", "goodput", "prefixHit", "failed", "loads"];
  assert.deepEqual(Object.keys(result.policies["central-lc"]), figures);
  assert.equal(result.ratioToLeastConnections["least-connections"].ttftMean, 1);
  assert.match(readFileSync(plot, "utf8"), /^<svg [\s\S]*<\/svg>\n$/);
  rmSync(folder, { recursive: true });
});

test("without --json it is a table", () => {
  const { status, stdout } = simulate("--scenario", "homogeneous-70", "--seeds", "1", "--policies", "round-robin");
  assert.equal(status, 0);
  assert.match(stdout, /^homogeneous-70, seeds 1, generated traces/);
  assert.match(stdout, /\nround-robin +\d/);
});

test("what is unknown is one clear line, and exit code 2", () => {
  for (const words of [
    ["--scenario", "nowhere"],
    ["--scenario", "fairness", "--policies", "pomona,magic"],
    ["--scenario", "fairness", "--seeds", "1,x"],
    ["--scenario", "fairness", "--seeds", "4-3"],
    ["--scenario", "fairness", "--speed", "3"],
    ["--scenario"],
  ]) {
    const { status, stdout, stderr } = simulate(...words);
    assert.deepEqual([status, stdout, stderr.split("\n").length], [2, "", 2], words.join(" "));
  }
});

test("a folder without the trace is one clear line, and exit code 1", () => {
  const { status, stderr } = simulate("--scenario", "conversation-70", "--traces", "/nowhere");
  assert.equal(status, 1);
  assert.match(stderr, /^simulate: ENOENT.*\/nowhere/);
});
