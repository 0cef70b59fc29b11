// Rules of the repository that no linter knows.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { coordinatorSchema } from "@pomona/coordinator/config";
import { nodeAgentSchema } from "@pomona/node-agent/config";
import { errorTable } from "@pomona/shared/core/errors";
import { version } from "@pomona/shared/core/version";
import { read, root, trackedFiles } from "./repository.ts";

const linesMax = 400;
const sources = trackedFiles().filter((path) => existsSync(join(root, path)) && !path.includes("/generated/"));
const code = sources.filter((path) => /\.(ts|mjs)$/.test(path));

test("no source file is longer than 400 lines", () => {
  const long = code.filter((path) => read(path).split("\n").length > linesMax);
  assert.deepEqual(long, []);
});

test("nothing random or timed hides in a core that globals do not show", () => {
  const impure = code.filter(
    (path) =>
      /(^|\/)core\//.test(path) && !path.endsWith(".test.ts") && /Math\.random|\basync\b|\bawait\b/.test(read(path)),
  );
  assert.deepEqual(impure, []);
});

test("file names are kebab-case and say what is in them", () => {
  const vague = /(^|\/)(utils?|helpers?|common|manager|misc)\.ts$/;
  const odd = code.filter((path) => vague.test(path) || /[A-Z_ ]/.test(path.split("/").at(-1) ?? ""));
  assert.deepEqual(odd, []);
});

test("the lock files record no download addresses", () => {
  for (const path of ["package-lock.json", "test/clients/package-lock.json"]) {
    assert.doesNotMatch(read(path), /"resolved": "http/, path);
  }
});

test("every error code is explained", () => {
  const page = read("docs/errors.md");
  assert.deepEqual(
    Object.keys(errorTable).filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});

test("every setting is explained", () => {
  const page = read("docs/configuration.md");
  const keys = [...Object.keys(coordinatorSchema.shape), ...Object.keys(nodeAgentSchema.shape)];
  assert.deepEqual(
    keys.filter((key) => !page.includes(`\`${key}\``)),
    [],
  );
});

test("every metric is explained, and what is explained exists", () => {
  const page = read("docs/metrics.md");
  const names = (text: string): Set<string> => new Set([...text.matchAll(/pomona_[a-z_]+/g)].map(([name]) => name));
  const measured = names(read("coordinator/metrics.ts") + read("node-agent/metrics.ts"));
  assert.deepEqual(names(page), measured);
});

test("every metric that the dashboard and the alerts name exists", () => {
  const measured = read("coordinator/metrics.ts") + read("node-agent/metrics.ts");
  const used = read("grafana/pool-dashboard.ts") + read("deploy/prometheus/rules.yml");
  const unknown = [...used.matchAll(/pomona_[a-z_]+/g)]
    .map(([name]) => name.replace(/_bucket$/, ""))
    .filter((name) => !measured.includes(`"${name}"`));
  assert.deepEqual(unknown, []);
});

test("every package has the version of the product", () => {
  const packages = sources.filter((path) => /^([\w/-]+\/)?package\.json$/.test(path));
  assert.ok(packages.length >= 8);
  for (const path of packages) {
    // A package.json always has a version here; that is what the comparison checks.
    const { version: own } = JSON.parse(read(path)) as { version?: string };
    assert.equal(own, version, path);
  }
});
