// What a scenario is: machines, models, requests, and what goes wrong.
import type { MachineProfile } from "../engine/machine-profile.ts";
import type { PoolModel } from "../pool/pool.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import type { TraceSource } from "../workload/trace-source.ts";

/** A machine that loses its power; times are milliseconds from the first request's clock. */
export type MachineLoss = { readonly machine: number; readonly atMs: number; readonly downMs: number };

/** A figure of the product, or its ratio to that of another policy, that must not be higher. */
export type Goal = { readonly figure: "ttftMean" | "loads"; readonly against: string | null; readonly max: number };

export type Scenario = {
  readonly name: string;
  /** One line for `--help` and the table. */
  readonly summary: string;
  readonly machines: readonly MachineProfile[];
  readonly models: readonly PoolModel[];
  readonly requests: (source: TraceSource, seed: number) => WorkloadRequest[];
  /** Saved states of each machine, for the product alone: no baseline knows of any. */
  readonly savedStates: number;
  /** Whether the product refuses what waits beyond its time. */
  readonly dropsLate: boolean;
  /** Which requests count; all by default. */
  readonly counts?: (request: WorkloadRequest) => boolean;
  readonly losses?: (spanMs: number, seed: number) => MachineLoss[];
  /** The one model of each machine where somebody has placed them once, by name; where there are several models. */
  readonly fixed?: readonly string[];
  /** What the product must reach, beside good runs. */
  readonly goals?: readonly Goal[];
  /** No trace has its requests: they are generated whatever traces there are. */
  readonly isGenerated?: boolean;
};
