// npm run -s simulate -- [--seed N] [--seeds COUNT] [--nodes N] [--coordinators N] [--requests N] [--duration-ms MS]
// [--faults KIND,...]
// Prints one JSON object: the sums of all runs, and every run that broke a rule. Exit codes: 0 good, 1 a rule was
// broken, 2 wrong usage.
import { type FaultKind, faultKinds } from "./faults.ts";
import { type SimulationOptions, type SimulationSummary, simulate } from "./simulate.ts";

const usage =
  "usage: simulate --scenario NAME …, see simulate --help; or\n" +
  "simulate [--seed N] [--seeds COUNT] [--nodes N] [--coordinators N] [--requests N] [--duration-ms MS] [--faults KIND,...|none]\n" +
  `kinds: ${faultKinds.join(", ")}\n`;

type Arguments = { readonly firstSeed: number; readonly seeds: number; readonly options: SimulationOptions };

const numberFlags = new Set(["--seed", "--seeds", "--nodes", "--coordinators", "--requests", "--duration-ms"]);

/** Null when something is not as the usage says. */
function parseArguments(words: readonly string[]): Arguments | null {
  const numbers = new Map<string, number>();
  let faults: readonly FaultKind[] = faultKinds;
  for (let index = 0; index < words.length; index += 2) {
    const flag = words[index] ?? "";
    const value = words[index + 1] ?? "";
    if (flag === "--faults") {
      const names = value === "none" ? [] : value.split(",");
      faults = faultKinds.filter((kind) => names.includes(kind));
      if (faults.length !== names.length) return null;
    } else if (numberFlags.has(flag) && /^[1-9]\d{0,8}$/.test(value)) {
      numbers.set(flag, Number(value));
    } else {
      return null;
    }
  }
  const nodes = numbers.get("--nodes");
  const coordinators = numbers.get("--coordinators");
  const requests = numbers.get("--requests");
  const durationMs = numbers.get("--duration-ms");
  const options = {
    faults,
    ...(nodes === undefined ? {} : { nodes }),
    ...(coordinators === undefined ? {} : { coordinators }),
    ...(requests === undefined ? {} : { requests }),
    ...(durationMs === undefined ? {} : { durationMs }),
  };
  return { firstSeed: numbers.get("--seed") ?? 1, seeds: numbers.get("--seeds") ?? 1, options };
}

function add(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/** Runs it; `words` are those of the command line. Returns the exit code. */
export function runFaults(words: readonly string[]): number {
  const parsed = parseArguments(words);
  if (parsed === null) {
    process.stderr.write(usage);
    return 2;
  }
  const { firstSeed, seeds, options } = parsed;
  const totals = { events: 0, requests: 0, tokens: 0 };
  const outcomes: Record<string, number> = {};
  const faults: Record<string, number> = {};
  const counts: Record<string, number> = {};
  const dropped: Record<string, number> = {};
  const bad: SimulationSummary[] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const summary = simulate(seed, options);
    add(totals, { events: summary.events, requests: summary.requests, tokens: summary.tokens });
    add(outcomes, summary.outcomes);
    add(faults, summary.faults);
    add(counts, summary.counts);
    add(dropped, summary.dropped);
    if (summary.problems.length > 0) bad.push(summary);
  }
  const result = { firstSeed, seeds, ...totals, outcomes, faults, counts, dropped, bad };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return bad.length > 0 ? 1 : 0;
}
