// A pool for the tests of the core: events in, effects out, invariants checked after each step.

import { assert } from "@pomona/shared/core/assert";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { type DeploymentRecord, type DeploymentSpec, defaultDeployment } from "@pomona/shared/core/deployment";
import type { ErrorCode } from "@pomona/shared/core/errors";
import {
  type AttemptFrame,
  defaultDecoding,
  type FinishReason,
  type GenerationFailure,
} from "@pomona/shared/core/generation";
import type { ModelFile } from "@pomona/shared/core/model-files";
import { fixedSizing } from "@pomona/shared/core/model-sizing";
import { type NodeStatus, type ReplicaStatus, untold } from "@pomona/shared/core/node-status";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { type CoreConfig, defaultCoreConfig } from "./core-config.ts";
import type { Effect, EffectKind, EffectOf } from "./effect.ts";
import type { ClusterEvent, NewRequest } from "./event.ts";
import { decisionViolations, idleSlotViolations, violations } from "./invariants.ts";
import type { InspectionOutcome } from "./model-sources.ts";
import { type ClusterState, emptyState, type StepContext } from "./state.ts";
import { step } from "./step.ts";

const gigabyte = 1e9;

export class TestPool {
  readonly state: ClusterState = emptyState();
  readonly config: CoreConfig;
  nowMs = 1000;

  constructor(config: Partial<CoreConfig> = {}) {
    // Nodes of these tests send what a test sends: silence is no fault of theirs.
    this.config = { ...defaultCoreConfig, progressMinMs: 30_000, ...config };
  }

  get context(): StepContext {
    return { state: this.state, nowMs: this.nowMs, config: this.config };
  }

  /** What nodes find at sources; null is no model. */
  readonly sources = new Map<string, TestSource | null>();

  /**
   * Nodes say at once what their sources are.
   * @throws Error naming the invariant that the step broke.
   */
  take(event: ClusterEvent): Effect[] {
    const { context } = this;
    const effects = step(event, context);
    const isDelivery = effects[0]?.kind === "deliver";
    const broken = [
      ...violations(context),
      ...decisionViolations(context, effects),
      ...(isDelivery ? [] : idleSlotViolations(context)),
    ];
    assert(broken.length === 0, broken.join("; "));
    const answers = only(effects, "inspectModel").flatMap(({ nodeId, model, source, runKey }) =>
      this.take({ kind: "modelInspected", nodeId, model, runKey, outcome: this.#inspect(source) }),
    );
    return [...effects.filter(({ kind }) => kind !== "inspectModel"), ...answers];
  }

  #inspect(source: string): InspectionOutcome {
    const found = this.sources.get(source) ?? null;
    if (found === null) return { kind: "failed", failure: failureOf("invalid_model") };
    const { memory, contextLength, files = [], isInPlace = true } = found;
    const sizing = fixedSizing(contextLength, memory);
    return { kind: "found", inspection: { files, isInPlace, pinnedSource: source, variants: [], sizing } };
  }

  /** Lets time pass, then ticks. */
  wait(ms: number): Effect[] {
    this.nowMs += ms;
    return this.take({ kind: "tick" });
  }

  heartbeat(status: NodeStatus, address = `${status.nodeId}:1`): Effect[] {
    return this.take({ kind: "heartbeat", status, address });
  }

  /** A node with a heartbeat and a link. */
  join(status: NodeStatus): Effect[] {
    return [...this.heartbeat(status), ...this.take({ kind: "linkUp", nodeId: status.nodeId })];
  }

  /** Deploys `m`, of 4 GB and 100 tokens, one replica on every node where it fits. */
  deploy({ memory = memoryOf(4), files, isInPlace, ...changes }: TestDeployment = {}): Effect[] {
    const record = recordOf(changes);
    const { source, contextLength } = record.spec;
    const context = { contextLength: contextLength ?? 100 };
    this.sources.set(source, {
      memory,
      ...context,
      ...(files === undefined ? {} : { files }),
      ...(isInPlace === undefined ? {} : { isInPlace }),
    });
    return this.take({ kind: "deploymentSet", record });
  }

  request(requestId: string, changes: Partial<NewRequest> = {}): Effect[] {
    return this.take({ kind: "requestArrived", request: requestOf(requestId, this.nowMs, changes) });
  }

  frame(requestId: string, epoch: number, frame: AttemptFrame): Effect[] {
    return this.take({ kind: "frame", requestId, epoch, frame });
  }

  fail(requestId: string, epoch: number, code: ErrorCode): Effect[] {
    return this.take({ kind: "attemptFailed", requestId, epoch, failure: failureOf(code) });
  }
}

export function statusOf(nodeId: string, changes: Partial<NodeStatus> & { freeBytes?: number } = {}): NodeStatus {
  const { freeBytes = 16 * gigabyte, ...others } = changes;
  return {
    nodeId,
    incarnation: 1,
    sequence: 1,
    state: "serving",
    grpcAddress: `${nodeId}:1`,
    hostname: nodeId,
    version: "0.0.0",
    capacity: {
      memoryBytes: 32 * gigabyte,
      budgetBytes: 16 * gigabyte,
      freeBytes,
      chip: "",
      gpu: "cpu",
      cpuCores: 8,
      ...untold,
    },
    replicas: [],
    thermalState: "unknown",
    power: { source: "unknown", watts: null },
    heartbeatIntervalMs: 500,
    files: [],
    endedAttempts: [],
    lines: [],
    ...others,
  };
}

export function replicaOf(replicaId: string, changes: Partial<ReplicaStatus> = {}): ReplicaStatus {
  return {
    replicaId,
    model: "m",
    state: "ready",
    slots: 2,
    running: [],
    contextLength: 100,
    memory: memoryOf(4),
    failure: null,
    loadMs: 1,
    pid: null,
    digest: "",
    held: [],
    // So fast that no prompt of a test waits for another one.
    revision: "",
    speed: {
      ...expectedSpeed({ chip: "", gpu: "cpu", weightsBytes: 4e9, kvBytesPerToken: 0 }),
      prefillTokensPerSecond: 1e6,
    },
    ...changes,
  };
}

/** What a node finds at a source. */
export type TestSource = {
  readonly memory: ReplicaMemory;
  readonly contextLength: number;
  readonly files?: readonly ModelFile[];
  readonly isInPlace?: boolean;
};

export type TestDeployment = Partial<DeploymentSpec> &
  Partial<Pick<DeploymentRecord, "revision">> &
  Partial<Omit<TestSource, "contextLength">>;

let revisions = 0;

export function recordOf({
  revision,
  ...changes
}: Partial<DeploymentSpec> & { readonly revision?: number }): DeploymentRecord {
  revisions += 1;
  const model = changes.model ?? "m";
  const spec = { ...defaultDeployment, model, source: `/${model}`, slots: 2, ...changes };
  return { spec, revision: revision ?? revisions, createdAtMs: 0, pinned: null };
}

export function memoryOf(gigabytes: number): ReplicaMemory {
  return { weightsBytes: gigabytes * gigabyte, kvBytes: 0, computeBytes: 0, processBytes: 0 };
}

export function requestOf(requestId: string, nowMs: number, changes: Partial<NewRequest> = {}): NewRequest {
  return {
    requestId,
    model: "m",
    promptTokenIds: [1, 2, 3],
    promptDigest: "",
    decoding: { ...defaultDecoding, maxTokens: 10 },
    tenant: "",
    priority: "interactive",
    firstTokenDeadlineMs: null,
    deadlineMs: nowMs + 600_000,
    ...changes,
  };
}

export function tokens(firstIndex: number, ids: readonly number[]): AttemptFrame {
  return { kind: "tokens", firstIndex, ids, texts: ids.map((id) => Uint8Array.of(id)), logprobs: null };
}

export function ending(
  reason: FinishReason,
  generatedTokens: number,
  failure: GenerationFailure | null = null,
): AttemptFrame {
  const usage = { promptTokens: 3, cachedPromptTokens: 0, generatedTokens };
  return { kind: "ending", ending: { reason, failure, usage, timings: { queueMs: 0, prefillMs: 2, decodeMs: 3 } } };
}

export function failureOf(code: ErrorCode): GenerationFailure {
  const isRetryable = ["slots_full", "engine_crashed", "node_lost"].includes(code);
  return { code, message: `because of ${code}`, isRetryable };
}

/** The effects of one kind. */
export function only<Kind extends EffectKind>(effects: readonly Effect[], kind: Kind): EffectOf<Kind>[] {
  return effects.filter((effect): effect is EffectOf<Kind> => effect.kind === kind);
}

/** Where each attempt went, as `request/epoch@node`. */
export function starts(effects: readonly Effect[]): string[] {
  return only(effects, "startAttempt").map(({ nodeId, attempt }) => `${attempt.requestId}/${attempt.epoch}@${nodeId}`);
}

/** How each request ended, as `request: reason code`. */
export function endings(effects: readonly Effect[]): string[] {
  return only(effects, "finish").map(({ requestId, ending: { reason, failure } }) =>
    `${requestId}: ${reason} ${failure?.code ?? ""}`.trim(),
  );
}
