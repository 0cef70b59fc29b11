// Three sizes of models on eight machines, and a demand that moves from one to another (scheduling study, 5.4).
import { type MachineProfile, studyFleet } from "../engine/machine-profile.ts";
import type { PoolModel } from "../pool/pool.ts";
import { seededRandom } from "../random.ts";
import { withModels } from "../workload/popularity.ts";
import { sampleRows, type WorkloadRequest } from "../workload/sample.ts";
import type { TraceSource } from "../workload/trace-source.ts";
import type { Scenario } from "./scenario.ts";

const requestCount = 2400;
const requestsPerSecond = 0.26;
const shiftMs = 900_000;

/** Speeds against those of the 32B model, from the bytes of their weights. */
function sized(name: string, bytes: number, figures: { weightsBytes: number; speed: number; kv: number }): PoolModel {
  const { weightsBytes, speed, kv } = figures;
  const profileOn = (machine: MachineProfile): MachineProfile => ({
    ...machine,
    slots: 4,
    prefillTokensPerSecond: machine.prefillTokensPerSecond * speed,
    decodeTokensPerSecond: machine.decodeTokensPerSecond * speed,
    kvBytesPerToken: kv * 1024,
  });
  return { name, bytes, weightsBytes, files: "ssd", isKept: true, profileOn };
}

const models: readonly PoolModel[] = [
  sized("8b", 9.5e9, { weightsBytes: 4.9e9, speed: 4, kv: 128 }),
  sized("32b", 29e9, { weightsBytes: 19.8e9, speed: 1, kv: 256 }),
  sized("70b", 54e9, { weightsBytes: 42.5e9, speed: 0.47, kv: 320 }),
];

/** Shares of 8B, 32B and 70B, one row after the other. */
const popularity: readonly (readonly [number, number, number])[] = [
  [0.6, 0.3, 0.1],
  [0.3, 0.6, 0.1],
  [0.45, 0.35, 0.2],
];

/**
 * One model a machine, as many machines for each as its share of the first requests, the biggest on the biggest: what
 * somebody does who looks at the demand once.
 */
const fixed: readonly string[] = ["70b", "32b", "32b", "8b", "8b", "8b", "8b", "8b"];

/** 16 to 256 GB. */
const machines: readonly MachineProfile[] = [
  ...studyFleet,
  ...[
    { name: "M4 Pro 24", gigabytes: 24, prefill: 90, decode: 18, gigabytesPerSecond: 273 },
    { name: "M2 16", gigabytes: 16, prefill: 35, decode: 6.8, gigabytesPerSecond: 100 },
  ].flatMap(({ name, gigabytes, prefill, decode, gigabytesPerSecond }) =>
    studyFleet.slice(0, 1).map((base) => ({
      ...base,
      name,
      memoryBytes: gigabytes * 1e9,
      prefillTokensPerSecond: prefill,
      decodeTokensPerSecond: decode,
      memoryBytesPerSecond: gigabytesPerSecond * 1e9,
    })),
  ),
];

export const scaling: Scenario = {
  name: "scaling",
  summary: "three sizes of models on eight machines, their popularity shifts every 15 min",
  machines,
  models,
  fixed,
  requests,
  savedStates: 0,
  dropsLate: false,
  goals: [
    { figure: "ttftMean", against: "fixed-cost", max: 0.15 },
    { figure: "loads", against: null, max: 5 },
  ],
};

function requests(source: TraceSource, seed: number): WorkloadRequest[] {
  const random = seededRandom(seed);
  const sampled = sampleRows(source.rows("conversation", seed), {
    count: requestCount,
    requestsPerSecond: () => requestsPerSecond,
    isBinned: source.kind === "public",
    random,
  });
  return withModels(sampled, { names: models.map(({ name }) => name), popularity, shiftMs, random });
}
