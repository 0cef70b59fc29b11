// What a scenario is: machines, models, requests, and what goes wrong.
import type { MachineProfile } from "../engine/machine-profile.ts";
import type { PoolModel } from "../pool/pool.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import type { TraceSource } from "../workload/trace-source.ts";

/** A machine that loses its power; times are milliseconds from the first request's clock. */
export type MachineLoss = { readonly machine: number; readonly atMs: number; readonly downMs: number };

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
  /** No trace has its requests: they are generated whatever traces there are. */

  readonly isGenerated?: boolean;
};
