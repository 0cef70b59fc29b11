// What the scheduler remembers beside members and requests.
import type { QueueOutlook } from "@pomona/shared/core/errors";
import type { ModelName, ReplicaId } from "@pomona/shared/core/ids";
import { HeldPrefixes } from "./held-prefixes.ts";
import { OutputLengths } from "./output-lengths.ts";
import { Tenants } from "./tenants.ts";

/** Weights and limits of the decisions. */
export type SchedulerConfig = {
  /** What a second of decoding counts against a second until the first token. */
  readonly decodeWeight: number;
  /** What a second that other streams lose counts. */
  readonly delayWeight: number;
  /** Waiting requests that one pass plans, at most. */
  readonly plannedMax: number;
  /** A queue is long when more wait than this: to go through it takes milliseconds. */
  readonly longQueue: number;
  /** A long queue is gone through at most so often. */
  readonly longQueueEveryMs: number;
  /** A first token is due this long after the arrival ... */
  readonly dueMs: number;
  /** ... and so many times what the fastest replica needs for the prompt. */
  readonly duePrefillFactor: number;
  /** How many times what it has to evaluate there, less what an idle slot holds, puts a request back in the queue. */
  readonly sizeFactor: number;
  /** How long after it is due a request that still waits is given up; Infinity never. */
  readonly lateMaxMs: number;
  /** Batch work that has waited so long counts as interactive. */
  readonly batchAgesMs: number;
  /** What waiting for a better replica has to gain while another one has a slot: less is within the error of prediction. */
  readonly holdGainSeconds: number;
  /** Longest time for which a request waits for a better replica while another one has a slot. */
  readonly holdMaxMs: number;
  /** Service in prompt tokens by which tenants may differ and still be level. */
  readonly tenantQuantum: number;
  readonly tenantsMax: number;
  /** How often clients that wait are told their place and how long it takes. */
  readonly tellWaitingMs: number;
};

/** Weights, due times and the quantum: see docs/scheduling.md for where they come from. */
export const defaultSchedulerConfig: SchedulerConfig = {
  decodeWeight: 0.25,
  delayWeight: 1,
  plannedMax: 48,
  longQueue: 16,
  longQueueEveryMs: 10,
  dueMs: 5000,
  duePrefillFactor: 2,
  sizeFactor: 4,
  lateMaxMs: 120_000,
  batchAgesMs: 1_800_000,
  holdGainSeconds: 0.5,
  holdMaxMs: 120_000,
  tenantQuantum: 2000,
  tenantsMax: 10_000,
  tellWaitingMs: 2000,
};

export class SchedulerState {
  readonly tenants: Tenants;
  /** Kept for a moment, see queue-outlook.ts. */
  readonly outlooks = new Map<ModelName, { readonly atMs: number; readonly outlook: QueueOutlook | null }>();
  /** When the queue was last gone through, and whether it would have been since, had that not been so lately. */
  pass = { atMs: Number.NEGATIVE_INFINITY, isOwed: false };
  /** When waiting clients were last told how long it takes. */
  toldWaitingAtMs = Number.NEGATIVE_INFINITY;
  readonly #lengths = new Map<ModelName, OutputLengths>();
  readonly #held = new Map<ReplicaId, HeldPrefixes>();
  readonly #lastBinding = new Map<ReplicaId, number>();
  #bindings = 0;

  constructor(tenantsMax: number) {
    this.tenants = new Tenants(tenantsMax);
  }

  lengthsOf(model: ModelName): OutputLengths {
    const lengths = this.#lengths.get(model) ?? new OutputLengths();
    this.#lengths.set(model, lengths);
    return lengths;
  }

  heldBy(replicaId: ReplicaId): HeldPrefixes {
    const held = this.#held.get(replicaId) ?? new HeldPrefixes();
    this.#held.set(replicaId, held);
    return held;
  }

  noteBinding(replicaId: ReplicaId): void {
    this.#bindings += 1;
    this.#lastBinding.set(replicaId, this.#bindings);
  }

  /** Counts bindings from 1; 0 for one that was never bound. */
  lastBinding(replicaId: ReplicaId): number {
    return this.#lastBinding.get(replicaId) ?? 0;
  }

  /** Forgets replicas that no member lists and models that are not deployed, so that nothing grows with the uptime. */
  forgetAllBut(replicas: ReadonlySet<ReplicaId>, models: ReadonlySet<ModelName>): void {
    for (const kept of [this.#held, this.#lastBinding]) {
      for (const replicaId of kept.keys()) if (!replicas.has(replicaId)) kept.delete(replicaId);
    }
    for (const model of this.outlooks.keys()) if (!models.has(model)) this.outlooks.delete(model);
    for (const model of this.#lengths.keys()) if (!models.has(model)) this.#lengths.delete(model);
  }
}
