// npm test [-- [--fail-on-skip] [PATH-PART...]]: sets up, then runs the tests whose source path contains a PATH-PART.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { root, setUp, setUpClients } from "./setup.mjs";

const packages = ["proto", "shared", "coordinator", "node-agent", "simulator", "cli", "grafana", "test"];
const failOnSkip = process.argv.includes("--fail-on-skip");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

/** Sources of tests. Compiled tests whose source is gone are not run. */
function testSources() {
  return packages
    .flatMap((name) => readdirSync(join(root, name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/\/(dist|node_modules)\//.test(path))
    .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
    .sort();
}

/** A file that goes on for so long has failed: a test that leaves a server open keeps its process for ever. */
const fileTimeoutMs = 1_200_000;

const isOfClients = (path) => path.startsWith("test/clients/");

/** shared/core/x.test.ts -> shared/dist/core/x.test.js */
function compiled(path) {
  const project = isOfClients(path) ? "test/clients" : path.split("/")[0];
  return join(project, "dist", relative(project, path)).replace(/\.ts$/, ".js");
}

/** Runs one group of test files; resolves to its exit code and the skipped tests with their reasons. */
function runGroup(title, sources, concurrency) {
  if (sources.length === 0) return Promise.resolve({ code: 0, skipped: [] });
  process.stdout.write(`\n== ${title}: ${sources.length} files\n`);
  const options = ["--test-reporter=tap", `--test-concurrency=${concurrency}`, `--test-timeout=${fileTimeoutMs}`];
  const args = ["--test", ...options, ...sources.map(compiled)];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const skipped = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const skip = /^\s*ok \d+ - (.*) # SKIP ?(.*)$/.exec(line);
    if (skip) skipped.push(`${skip[1]} (${skip[2] || "no reason given"})`);
    if (isWorthShowing(line)) process.stdout.write(`${line}\n`);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code: code ?? 1, skipped })));
}

let isInFailure = false;
/** One line a test; the details only of those that failed; the totals. */
function isWorthShowing(line) {
  if (/^\s*(not ok|ok) /.test(line)) isInFailure = /^\s*not ok /.test(line);
  if (/^# (Subtest|Warning)/.test(line.trim())) return false;
  return isInFailure || /^\s*ok /.test(line) || /^# (tests|pass|fail|skipped|duration_ms) /.test(line);
}

setUp();
const sources = testSources();
if (sources.some(isOfClients)) setUpClients();
const isUnit = (path) => !path.startsWith("test/") || path.startsWith("test/tidy/");
const startedAt = Date.now();
const groups = [
  ["unit", sources.filter(isUnit), 2],
  ["simulation and compliance", sources.filter((path) => /^test\/(simulation|compliance)\//.test(path)), 1],
  ["integration", sources.filter((path) => path.startsWith("test/integration/")), 1],
  ["clients", sources.filter(isOfClients), 1],
  ["chaos", sources.filter((path) => path.startsWith("test/chaos/")), 1],
];
const results = [];
for (const [title, files, concurrency] of groups) results.push(await runGroup(title, files, concurrency));

const skipped = results.flatMap((result) => result.skipped);
process.stdout.write(`\n${sources.length} files in ${Math.round((Date.now() - startedAt) / 1000)} s\n`);
for (const name of skipped) process.stdout.write(`skipped: ${name}\n`);
const failed = results.some((result) => result.code !== 0);
if (failOnSkip && skipped.length > 0) process.stdout.write("failed: no test may be skipped here\n");
process.exit(failed || sources.length === 0 || (failOnSkip && skipped.length > 0) ? 1 : 0);
