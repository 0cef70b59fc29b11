// One machine as the product's coordinator sees it: heartbeats that tell the truth, and attempts on step-level engines.
import { type Reservation, refuseOvercommit } from "@pomona/node-agent/core/memory-budget";
import type { Attempt, AttemptFrame, Ending, FinishReason, GenerationFailure } from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import { type NodeStatus, type ReplicaSpec, type ReplicaStatus, untold } from "@pomona/shared/core/node-status";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import { Device } from "../engine/device.ts";
import { KvStore } from "../engine/kv-store.ts";
import { contextLength, type MachineProfile } from "../engine/machine-profile.ts";
import { ReplicaEngine, type Running } from "../engine/replica-engine.ts";
import { heldBy, speedOf } from "../engine/report.ts";
import type { VirtualTime } from "../virtual-time.ts";
import { hashesOf } from "./block-tokens.ts";
import { loadMsOf, memoryShare, type PoolModel } from "./pool.ts";

/** Texts are of no interest here. */
const noTexts: readonly Uint8Array[] = [new Uint8Array()];
const anyTokens: readonly number[] = [1];
/** Until an engine that is stopped has given its memory back. */
const unloadMs = 20;

export type CoreNodeParts = {
  readonly time: VirtualTime;
  readonly nodeId: NodeId;
  readonly machine: MachineProfile;
  readonly models: readonly PoolModel[];
  /** Saved states of the machine; 0 for no store. */
  readonly savedStates: number;
  readonly complain: (problem: string) => void;
};

type LoadAnswer = (result: ReplicaStatus | GenerationFailure) => void;
type Attempting = {
  readonly epoch: number;
  readonly running: Running;
  readonly end: (reason: FinishReason, failure: GenerationFailure | null) => void;
};

type NodeReplica = {
  readonly replicaId: ReplicaId;
  readonly model: PoolModel;
  readonly engine: ReplicaEngine;
  readonly loadMs: number;
  readonly attempts: Map<RequestId, Attempting>;
  readonly answer: LoadAnswer;
  state: "loading" | "ready" | "unloading";
};

/** An attempt with what the request is made of, which the coordinator does not know. */
export type NodeAttempt = {
  readonly attempt: Attempt;
  readonly blocks: readonly number[];
  /** Of the whole request, whatever was emitted already. */
  readonly outputTokens: number;
  readonly send: (frame: AttemptFrame) => void;
};

export class CoreNode {
  readonly nodeId: NodeId;
  readonly address: string;
  readonly machine: MachineProfile;
  readonly #parts: CoreNodeParts;
  readonly #replicas = new Map<ReplicaId, NodeReplica>();
  /** Models whose files are on its SSD by now. */
  readonly #staged = new Set<string>();
  #device: Device;
  #incarnation = 1;
  #sequence = 0;
  isDown = false;
  loads = 0;

  constructor(parts: CoreNodeParts) {
    this.#parts = parts;
    this.nodeId = parts.nodeId;
    this.address = `${parts.nodeId}:1`;
    this.machine = parts.machine;
    this.#device = new Device(parts.time);
  }

  /** The power is gone, and everything with it. */
  switchOff(): void {
    this.isDown = true;
    for (const { engine } of this.#replicas.values()) engine.switchOff();
    this.#replicas.clear();
  }

  switchOn(): void {
    this.isDown = false;
    this.#device = new Device(this.#parts.time);
    this.#incarnation += 1;
    this.#sequence = 0;
  }

  get #budgetBytes(): number {
    return memoryShare * this.machine.memoryBytes;
  }

  /** Loads a replica if there is room. Tells its status when it is ready. */
  load(replicaId: ReplicaId, spec: ReplicaSpec, answer: LoadAnswer): void {
    const { time, models, savedStates } = this.#parts;
    const model = models.find(({ name }) => name === spec.model);
    if (model === undefined)
      throw new Error(`assertion failed: the pool asks for a model that there is: ${spec.model}`);
    const held = [...this.#replicas.values()].map((replica) => reservationOf(replica.model));
    const budget = { configuredBytes: this.#budgetBytes, missingBytes: 0 };
    const refusal = refuseOvercommit(reservationOf(model), budget, held);
    if (refusal !== null) {
      this.#parts.complain(`a load was refused: ${refusal.message}`);
      answer(refusal);
      return;
    }
    const profile = model.profileOn(this.machine);
    const engine = new ReplicaEngine({
      time,
      device: this.#device,
      profile: { ...profile, slots: Math.min(spec.slots, profile.slots) },
      store: savedStates === 0 ? null : new KvStore(savedStates),
    });
    const loadMs = loadMsOf(model, this.#staged.has(model.name));
    this.#staged.add(model.name);
    const replica: NodeReplica = { replicaId, model, engine, loadMs, attempts: new Map(), answer, state: "loading" };
    this.#replicas.set(replicaId, replica);
    this.loads += 1;
    time.after(loadMs, () => {
      if (this.#replicas.get(replicaId) !== replica || replica.state !== "loading") return;
      replica.state = "ready";
      answer(this.#replicaStatus(replica));
    });
  }

  /** What still runs on it ends, as in the product; the coordinator should not ask for that. */
  unload(replicaId: ReplicaId): void {
    const { time, complain } = this.#parts;
    const replica = this.#replicas.get(replicaId);
    if (replica === undefined || replica.state === "unloading") return;
    const { attempts, engine, model, state } = replica;
    if (attempts.size > 0) complain(`a replica of ${model.name} is unloaded with ${attempts.size} requests on it`);
    if (state === "loading") replica.answer(failureOf("cancelled"));
    replica.state = "unloading";
    time.after(unloadMs, () => {
      if (this.#replicas.get(replicaId) !== replica) return;
      for (const { end } of [...attempts.values()]) end("failed", failureOf("shutting_down"));
      engine.switchOff();
      this.#replicas.delete(replicaId);
    });
  }

  /** Returns whether it was taken: there may be no such replica, or no free slot. */
  start({ attempt, blocks, outputTokens, send }: NodeAttempt): boolean {
    const replica = this.#replicas.get(attempt.replicaId);
    if (replica?.state !== "ready" || replica.engine.freeSlots === 0) return false;
    const { requestId, epoch, promptTokenIds } = attempt;
    const startedAtMs = this.#parts.time.nowMs;
    const promptTokens = promptTokenIds.length;
    const before = attempt.emittedTokenIds.length;
    const total = promptTokens + before;
    let cachedPromptTokens = 0;
    let firstTokenAtMs = startedAtMs;
    let emitted = before;
    const running = replica.engine.start({
      blocks,
      promptTokens: total,
      outputTokens: outputTokens - before,
      listener: {
        accepted: (cachedTokens, slot) => {
          cachedPromptTokens = Math.min(cachedTokens, promptTokens);
          const cachedChunkLengths = cachedPromptTokens === 0 ? [] : [cachedPromptTokens];
          send({ kind: "accepted", slot, cachedPromptTokens, cachedChunkLengths, promptTokens });
        },
        evaluated: (evaluated, chunkLength) => {
          const evaluatedTokens = Math.min(evaluated, promptTokens);
          send({ kind: "prefill", evaluatedTokens, totalTokens: promptTokens, chunkLength });
        },
        token: () => {
          if (emitted === before) firstTokenAtMs = this.#parts.time.nowMs;
          send({ kind: "tokens", firstIndex: emitted, ids: anyTokens, texts: noTexts, logprobs: null });
          emitted += 1;
        },
        ended: () => end(emitted >= attempt.decoding.maxTokens ? "length" : "stop", null),
      },
    });
    const end = (reason: FinishReason, failure: GenerationFailure | null): void => {
      replica.attempts.delete(requestId);
      const usage = { promptTokens, cachedPromptTokens, generatedTokens: emitted };
      const prefillMs = firstTokenAtMs - startedAtMs;
      const timings = { queueMs: 0, prefillMs, decodeMs: this.#parts.time.nowMs - firstTokenAtMs };
      const ending: Ending = { reason, failure, usage, timings };
      send({ kind: "ending", ending });
    };
    replica.attempts.set(requestId, { epoch, running, end });
    return true;
  }

  cancel(requestId: RequestId, epoch: number): void {
    for (const replica of this.#replicas.values()) {
      const attempting = replica.attempts.get(requestId);
      if (attempting?.epoch !== epoch) continue;
      replica.engine.cancel(attempting.running);
      replica.attempts.delete(requestId);
    }
  }

  status(): NodeStatus {
    this.#sequence += 1;
    const { nodeId, address, machine } = this;
    const budgetBytes = this.#budgetBytes;
    const replicas = [...this.#replicas.values()];
    const heldBytes = replicas.reduce((sum, { model }) => sum + model.bytes, 0);
    return {
      nodeId,
      incarnation: this.#incarnation,
      sequence: this.#sequence,
      state: "serving",
      grpcAddress: address,
      hostname: machine.name,
      version: "0.0.0",
      capacity: {
        memoryBytes: machine.memoryBytes,
        budgetBytes,
        freeBytes: budgetBytes - heldBytes,
        chip: chipOf(machine),
        gpu: "metal",
        cpuCores: 12,
        ...untold,
      },
      replicas: replicas.map((replica) => this.#replicaStatus(replica)),
      thermalState: "nominal",
      power: { source: "mains", watts: null },
      heartbeatIntervalMs: 500,
      files: [],
      endedAttempts: [],
      lines: [],
    };
  }

  #replicaStatus({ replicaId, model, engine, loadMs, attempts, state }: NodeReplica): ReplicaStatus {
    return {
      replicaId,
      model: model.name,
      state,
      slots: engine.profile.slots,
      running: [...attempts].map(([requestId, { epoch }]) => ({ requestId, epoch, isOrphaned: false })),
      contextLength,
      memory: memoryOf(model),
      failure: null,
      loadMs,
      pid: null,
      digest: "",
      held: heldBy(engine, hashesOf),
      speed: { ...speedOf(engine), loadBytesPerSecond: (1000 * model.weightsBytes) / loadMs },
      revision: "",
    };
  }
}

/** As the system names it: the profiles are called by chip and memory, such as `M4 Max 128`. */
function chipOf({ name }: MachineProfile): string {
  return `Apple ${name.replace(/ \d+( .*)?$/, "")}`;
}

function reservationOf(model: PoolModel): Reservation {
  return { model: model.name, memory: memoryOf(model) };
}

function failureOf(code: GenerationFailure["code"]): GenerationFailure {
  return { code, message: `simulated ${code}`, isRetryable: code !== "cancelled" };
}

/** What a deployment of the model reserves. */
export function memoryOf({ bytes, weightsBytes }: PoolModel): ReplicaMemory {
  return { weightsBytes, kvBytes: bytes - weightsBytes, computeBytes: 0, processBytes: 0 };
}
