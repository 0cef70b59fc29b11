// Three models of which every machine holds one, and a demand that moves from one to another (scheduling study, 5.5).
import { type MachineProfile, studyFleet } from "../engine/machine-profile.ts";
import type { PoolModel } from "../pool/pool.ts";
import { seededRandom } from "../random.ts";
import { withModels } from "../workload/popularity.ts";
import { sampleRows, type WorkloadRequest } from "../workload/sample.ts";
import type { TraceSource } from "../workload/trace-source.ts";
import type { Scenario } from "./scenario.ts";

const requestCount = 2400;
const shiftMs = 600_000;
const names: readonly string[] = ["32b-a", "32b-b", "32b-c"];

/** Shares of the three, one row after the other. */
const popularity: readonly (readonly [number, number, number])[] = [
  [0.8, 0.1, 0.1],
  [0.1, 0.8, 0.1],
  [0.1, 0.1, 0.8],
];

/** Whoever places them once expects the same of all: the faster machines in turn. */
const fixed: readonly string[] = ["32b-a", "32b-b", "32b-c", "32b-a", "32b-b"];

/** Room for one of them: the rest belongs to the machines' owners. */
const usedMemoryBytes = 48e9;
const machines: readonly MachineProfile[] = studyFleet
  .slice(0, fixed.length)
  .map((machine) => ({ ...machine, memoryBytes: usedMemoryBytes }));

/** In Q4, with four slots at full context. */
function sized(files: Pick<PoolModel, "files" | "isKept">): PoolModel[] {
  const profileOn = (machine: MachineProfile): MachineProfile => ({ ...machine, slots: 4 });
  return names.map((name) => ({ name, bytes: 29e9, weightsBytes: 19.8e9, ...files, profileOn }));
}

function requestsAt(requestsPerSecond: number): Scenario["requests"] {
  return (source: TraceSource, seed: number): WorkloadRequest[] => {
    const random = seededRandom(seed);
    const sampled = sampleRows(source.rows("conversation", seed), {
      count: requestCount,
      requestsPerSecond: () => requestsPerSecond,
      isBinned: source.kind === "public",
      random,
    });
    return withModels(sampled, { names, popularity, shiftMs, random });
  };
}

const common = {
  machines,
  fixed,
  savedStates: 0,
  dropsLate: false,
  goals: [
    { figure: "ttftMean", against: "load-if-absent", max: 1 },
    { figure: "ttftMean", against: "fixed-cost", max: 1 },
  ],
} as const;

export const tightMemory: Scenario = {
  name: "tight-memory",
  summary: "three models of which each of five machines holds one, their popularity shifts every 10 min",
  models: sized({ files: "ssd", isKept: true }),
  requests: requestsAt(0.11),
  ...common,
};

export const tightMemoryLan: Scenario = {
  name: "tight-memory-lan",
  summary: "the same on machines that keep no files: every load comes over 1 GbE",
  models: sized({ files: "lan1", isKept: false }),
  requests: requestsAt(0.09),
  ...common,
};
