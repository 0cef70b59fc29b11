// The scenarios by name (scheduling study, sections 4 to 6).
import { equalFleet, fluidCapacity, type MachineProfile, studyFleet } from "../engine/machine-profile.ts";
import { fittingModel, type PoolModel } from "../pool/pool.ts";
import { seededRandom } from "../random.ts";
import { agentRequests } from "../workload/agents.ts";
import { onlyModel, sampleRows, type WorkloadRequest } from "../workload/sample.ts";
import type { TraceName } from "../workload/trace-files.ts";
import type { TraceSource } from "../workload/trace-source.ts";
import { fairness } from "./fairness.ts";
import { scaling } from "./scaling.ts";
import type { MachineLoss, Scenario } from "./scenario.ts";
import { tightMemory, tightMemoryLan } from "./tight-memory.ts";

/** Requests of a seed. */
const requestCount = 2000;
/** The study's store of each machine. */
const savedStates = 16;

const oneModel: readonly PoolModel[] = [fittingModel(onlyModel)];

type Load = { readonly trace: TraceName; readonly load: number; readonly machines?: readonly MachineProfile[] };

/** A trace at a share of what the machines can serve without any reuse. */
function traced({ trace, load, machines = studyFleet }: Load): Scenario["requests"] {
  return (source: TraceSource, seed: number): WorkloadRequest[] =>
    sampleRows(source.rows(trace, seed), {
      count: requestCount,
      requestsPerSecond: (mean) => load * fluidCapacity(machines, mean),
      isBinned: trace === "conversation" && source.kind === "public",
      random: seededRandom(seed),
    });
}

function scenario(name: string, summary: string, parts: Load & Partial<Scenario>): Scenario {
  const { trace, load, machines = studyFleet, ...rest } = parts;
  const requests = traced({ trace, load, machines });
  return { name, summary, machines, models: oneModel, requests, savedStates: 0, dropsLate: false, ...rest };
}

/** A machine goes every 400 s and is back 180 s later. */
function losses(spanMs: number, seed: number): MachineLoss[] {
  const random = seededRandom(seed + 1_000_000);
  const found: MachineLoss[] = [];
  for (let atMs = 400_000; atMs < spanMs; atMs += 400_000)
    found.push({ machine: random.integer(0, studyFleet.length - 1), atMs, downMs: 180_000 });
  return found;
}

export const scenarios: readonly Scenario[] = [
  scenario("conversation-50", "multi-turn chat at half load", { trace: "conversation", load: 0.5 }),
  scenario("conversation-70", "multi-turn chat", { trace: "conversation", load: 0.7 }),
  scenario("conversation-90", "multi-turn chat, nearly too much of it", { trace: "conversation", load: 0.9 }),
  scenario("conversation-90-kv", "the same with 16 saved states a machine, for the product alone", {
    trace: "conversation",
    load: 0.9,
    savedStates,
  }),
  scenario("synthetic-90", "public data sets mixed, with much to reuse", { trace: "synthetic", load: 0.9 }),
  scenario("azure-conversation-70", "chat in which no prompt shares anything", {
    trace: "azure-conversation",
    load: 0.7,
  }),
  scenario("azure-code-70", "bursts of long prompts with short answers", { trace: "azure-code", load: 0.7 }),
  scenario("overload-130", "more than the machines can serve; the product refuses what is late", {
    trace: "conversation",
    load: 1.3,
    dropsLate: true,
  }),
  fairness,
  scenario("node-loss", "a machine loses its power every 400 s, for 180 s", {
    trace: "conversation",
    load: 0.6,
    losses,
  }),
  scaling,
  tightMemory,
  tightMemoryLan,
  scenario("homogeneous-70", "four machines that are the same", {
    trace: "conversation",
    load: 0.7,
    machines: equalFleet,
  }),
  {
    name: "shared-system-prompt",
    summary: "agents with system prompts of 6,000 tokens, and 16 saved states a machine for the product alone",
    machines: studyFleet,
    models: oneModel,
    requests: (_source, seed) => agentRequests({ machines: studyFleet, load: 0.7, count: requestCount, seed }),
    savedStates,
    dropsLate: false,
    isGenerated: true,
  },
];
