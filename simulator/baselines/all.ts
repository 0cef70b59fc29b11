import type { Baseline } from "./baseline.ts";
import { centralCost } from "./central-cost.ts";
import { centralFastest } from "./central-fastest.ts";
import { centralFcfs } from "./central-fcfs.ts";
import { centralLeastConnections } from "./central-least-connections.ts";
import { chwbl } from "./chwbl.ts";
import { dynamo } from "./dynamo.ts";
import { fixedCost } from "./fixed-cost.ts";
import { leastConnections } from "./least-connections.ts";
import { llmD } from "./llm-d.ts";
import { loadIfAbsent } from "./load-if-absent.ts";
import { ollamaHerd } from "./ollama-herd.ts";
import { peakEwma } from "./peak-ewma.ts";
import { powerOfTwo } from "./power-of-two.ts";
import { randomChoice } from "./random-choice.ts";
import { roundRobin } from "./round-robin.ts";
import { singleReplica } from "./single-replica.ts";
import { weightedLeastConnections } from "./weighted-least-connections.ts";

/** The policies that the product is compared with. */
export const baselines: readonly Baseline[] = [
  leastConnections,
  randomChoice,
  roundRobin,
  powerOfTwo,
  weightedLeastConnections,
  peakEwma,
  chwbl,
  llmD,
  dynamo,
  ollamaHerd,
  centralLeastConnections,
  centralFastest,
  centralFcfs,
  centralCost,
  fixedCost,
  loadIfAbsent,
  singleReplica,
];
