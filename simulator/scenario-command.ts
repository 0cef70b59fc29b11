// biome-ignore-all lint/style/noRestrictedImports: the command line writes the plot that it is asked for
// Policies against each other in one scenario. Exit codes: 0 good, 1 a rule was broken or a file cannot be used, 2 wrong usage.
import { writeFileSync } from "node:fs";
import { scenarios } from "./scenarios/all.ts";
import { compare } from "./scenarios/compare.ts";
import { plotOf } from "./scenarios/plot.ts";
import { policiesFor, policyNames } from "./scenarios/run.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { tableOf } from "./scenarios/table.ts";
import { openTraces } from "./workload/trace-source.ts";

const usage = `usage: simulate --scenario NAME [--seeds N,N,…] [--policies NAME,…] [--traces DIR] [--json] [--plot FILE.svg] [--check]
  --seeds     numbers and ranges such as 11-14; 1,2,3 by default
  --policies  all that the scenario can tell apart by default; least-connections is always run
  --traces    folder of the public traces, or POMONA_TRACES; without one they are generated from their statistics
  --json      one JSON object instead of a table
  --check     the core's invariants after every event, and the scenario's goals
scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}`).join("\n")}
policies: ${policyNames.join(", ")}
Without --scenario: faults and invariants.
`;

const seedsMax = 1000;

type Arguments = {
  readonly scenario: Scenario;
  readonly seeds: readonly number[];
  readonly policies: readonly string[];
  readonly traces: string | null;
  readonly plot: string | null;
  readonly isJson: boolean;
  readonly isChecked: boolean;
};

/** Whether the words are for this command, and not for the fault simulation. */
export function isScenarioCommand(words: readonly string[]): boolean {
  return words.includes("--scenario") || words.includes("--help") || words.includes("-h");
}

/** Runs it. Returns the exit code. */
export function runScenario(words: readonly string[]): number {
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(usage);
    return 0;
  }
  const parsed = parseArguments(words);
  if (typeof parsed === "string") {
    process.stderr.write(`simulate: ${parsed}\n`);
    return 2;
  }
  const { traces, plot, isJson, ...options } = parsed;
  try {
    const { result, problems } = compare({ ...options, source: openTraces(traces) });
    if (plot !== null) writeFileSync(plot, plotOf(result));
    process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : tableOf(result));
    for (const problem of problems) process.stderr.write(`simulate: ${problem}\n`);
    return problems.length > 0 ? 1 : 0;
  } catch (error) {
    if (!isFileError(error)) throw error;
    process.stderr.write(`simulate: ${error.message}\n`);
    return 1;
  }
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && "path" in error;
}

const valueFlags = new Set(["--scenario", "--seeds", "--policies", "--traces", "--plot"]);
const plainFlags = new Set(["--json", "--check"]);

/** The arguments, or what is wrong with them. */
function parseArguments(words: readonly string[]): Arguments | string {
  const values = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const flag = words[index] ?? "";
    if (plainFlags.has(flag)) {
      values.set(flag, "");
      continue;
    }
    if (!valueFlags.has(flag)) return `${JSON.stringify(flag)} is no option; see simulate --help`;
    index += 1;
    const value = words[index];
    if (value === undefined) return `${flag} needs a value`;
    values.set(flag, value);
  }
  const name = values.get("--scenario");
  const scenario = scenarios.find((known) => known.name === name);
  if (scenario === undefined)
    return `scenario ${JSON.stringify(name)} is unknown; there are ${scenarios.map((known) => known.name).join(", ")}`;
  const seeds = parseSeeds(values.get("--seeds") ?? "1,2,3");
  if (seeds === null) return `--seeds takes whole numbers and ranges with commas between them, at most ${seedsMax}`;
  const policies = values.get("--policies")?.split(",") ?? policiesFor(scenario);
  const unknown = policies.find((policy) => !policyNames.includes(policy));
  if (unknown !== undefined) return `policy ${JSON.stringify(unknown)} is unknown; there are ${policyNames.join(", ")}`;
  return {
    scenario,
    seeds,
    policies,
    traces: values.get("--traces") ?? (process.env["POMONA_TRACES"] || null),
    plot: values.get("--plot") ?? null,
    isJson: values.has("--json"),
    isChecked: values.has("--check"),
  };
}

/** `1,2,11-14`; null when it is something else, or too many. */
function parseSeeds(text: string): number[] | null {
  const seeds: number[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first) || Number(last) - Number(first) >= seedsMax) return null;
    for (let seed = Number(first); seed <= Number(last); seed += 1) seeds.push(seed);
  }
  return seeds.length > seedsMax ? null : seeds;
}
