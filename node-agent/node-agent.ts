// The node-agent's state and its one loop: events in, step, effects out; and the attempts that run on its replicas.

import { setTimeout as delay } from "node:timers/promises";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { heartbeatIntervalMs } from "@pomona/shared/core/defaults";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import {
  type Attempt,
  type AttemptFrame,
  failureOf,
  type GenerationFailure,
  type PromptInput,
} from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { MemoryPressure, NodeStatus, ReplicaSpec, ReplicaStatus } from "@pomona/shared/core/node-status";
import { version } from "@pomona/shared/core/version";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import { deathReasonOf } from "./core/engine-death.ts";
import type { MemoryReading } from "./core/memory-reading.ts";
import { type OwnerMode, type OwnerReading, ownerStateAfter } from "./core/owner-presence.ts";
import { PeerLines } from "./core/peer-lines.ts";
import { refuseChangedModel } from "./core/restart.ts";
import type { AgentState, Replica } from "./core/state.ts";
import { currentBudget, emptyAgentState, freeBudget, replicaStatus } from "./core/state.ts";
import { type AgentEffect, type AgentEvent, stepAgent } from "./core/step.ts";
import { inputTooLong } from "./engine/check-pooled-call.ts";
import type { Engine, EngineReplica, Ranking, TokenizedPrompt } from "./engine/engine.ts";
import { filesOfNode } from "./files-of-node.ts";
import { type Conditions, type Machine, unknownConditions } from "./hardware/hardware.ts";
import { MemoryCheck } from "./memory-check.ts";
import type { NodeMetrics } from "./metrics.ts";
import type { DiskSpace } from "./model-store/disk-space.ts";
import type { MemoryCorrections } from "./model-store/memory-corrections.ts";
import type { ModelDigests } from "./model-store/model-digests.ts";
import { readModelNeeds } from "./model-store/model-needs.ts";
import type { ModelStore } from "./model-store/model-store.ts";
import { readModelDigest } from "./model-store/read-model-digest.ts";
import type { SpeedProfiles } from "./model-store/speed-profiles.ts";
import type { Embedded, EmbedInput, FilesPort, RankCall } from "./node-port.ts";
import type { StatefulReplica } from "./peer-states.ts";
import { ReplicaSpeeds, speedOf } from "./replica-speeds.ts";
import { RunningAttempts } from "./running-attempts.ts";
import { adapterIdentities, type StateStoreLimits, stateKeyOf, stateStoreSpec } from "./state-store-spec.ts";

export type NodeAgentDependencies = {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly machine: Machine;
  readonly budgetBytes: number;
  /** The budget once an engine has told what Metal recommends; null leaves it as it is. */
  readonly budgetWith: ((workingSetBytes: number) => number) | null;
  /** null does not make way for anybody. */
  readonly ownerMode: OwnerMode | null;
  /** Processor cores of all engines together. */
  readonly threads: number;
  readonly modelsDirectory: string;
  readonly digests: ModelDigests;
  readonly store: ModelStore;
  readonly speeds: SpeedProfiles;
  readonly corrections: MemoryCorrections;
  /** Where sequence states are kept that no slot holds. */
  readonly states: StateStoreLimits;
  readonly engine: Engine;
  readonly hostname: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: NodeMetrics;
};

type Executors = { readonly [Kind in AgentEffect["kind"]]: (effect: Extract<AgentEffect, { kind: Kind }>) => void };

type StartEngine = Extract<AgentEffect, { kind: "startEngine" }>;

/** Owns the replicas of one node. */
export class NodeAgent {
  readonly state: AgentState;
  readonly #dependencies: NodeAgentDependencies;
  readonly #engines = new Map<ReplicaId, EngineReplica>();
  readonly #speeds: ReplicaSpeeds;
  readonly #memoryCheck: MemoryCheck;
  readonly #stateKeys = new Map<ReplicaId, string>();
  readonly #starting = new Map<ReplicaId, AbortController>();
  readonly #waiting = new Map<ReplicaId, ((failure: GenerationFailure | null) => void)[]>();
  #conditions: Conditions = unknownConditions;
  #sequence = 0;
  #isClosing = false;
  #isDraining = false;
  /** host:port of the Node service, once it is bound; an empty host means: the sender's address. */
  grpcAddress = "";

  /** How fast other nodes are when they send something here. */
  readonly lines = new PeerLines();
  readonly files: FilesPort;
  readonly attempts: RunningAttempts;

  constructor(dependencies: NodeAgentDependencies) {
    this.#dependencies = dependencies;
    const { budgetBytes, threads, ownerMode, speeds, corrections, engine, machine, clock, log } = dependencies;
    this.state = emptyAgentState(budgetBytes, threads, ownerMode?.budgetShare);
    this.#speeds = new ReplicaSpeeds(speeds, log);
    const identity = { build: engine.build, gpu: machine.gpu };
    this.#memoryCheck = new MemoryCheck({ corrections, identity, log });
    this.files = filesOfNode(dependencies.store, this.state);
    this.attempts = new RunningAttempts({
      clock,
      log,
      engine: (replicaId) => this.#engine(replicaId),
      onStart: ({ replicaId, requestId, epoch }) => this.#take({ kind: "attemptStarted", replicaId, requestId, epoch }),
      onFrame: (attempt, frame) => this.#takeFrame(attempt, frame),
    });
  }

  /** Says in every status from now on that no new work is wanted, or that it is again. */
  setDraining(isDraining: boolean): void {
    this.#isDraining = isDraining;
  }

  /** Whether something is generated now. */
  get isBusy(): boolean {
    return this.attempts.isBusy;
  }

  get disk(): DiskSpace {
    return this.#dependencies.store.disk;
  }

  /** Whole model files in the store. */
  get storedBytes(): number {
    return this.#dependencies.store.ownBytes();
  }

  setConditions(conditions: Conditions): void {
    this.#conditions = conditions;
  }

  get conditions(): Conditions {
    return this.#conditions;
  }

  /** What the machine has free lowers the budget; null when it does not tell. */
  setMemory(reading: MemoryReading | null): void {
    this.#take({ kind: "memoryRead", reading });
  }

  setPressure(pressure: MemoryPressure): void {
    this.#take({ kind: "pressureRead", pressure });
  }

  /** Whoever is at the machine may get a part of the budget. */
  setOwner(reading: OwnerReading | null): void {
    const { ownerMode } = this.#dependencies;
    if (ownerMode === null) return;
    this.#take({ kind: "ownerRead", owner: ownerStateAfter(this.state.owner, reading, ownerMode) });
  }

  /** What the process of a replica's engine has in memory is compared with what was estimated. */
  setResident(replicaId: ReplicaId, bytes: number): void {
    this.#take({ kind: "residentRead", replicaId, bytes });
    const replica = this.state.replicas.get(replicaId);
    if (replica !== undefined) this.#memoryCheck.take(replica);
  }

  /** The node's sign of life; each call has the next sequence number. */
  status(): NodeStatus {
    const { nodeId, incarnation, machine, hostname, store } = this.#dependencies;
    const { pressure: memoryPressure, owner: ownerState } = this.state;
    const budget = { budgetBytes: currentBudget(this.state), freeBytes: freeBudget(this.state) };
    const memory = { ...budget, memoryPressure, memoryCorrection: this.#memoryCheck.correction };
    this.#sequence += 1;
    return {
      nodeId,
      incarnation,
      sequence: this.#sequence,
      state: this.#isDraining ? "draining" : "serving",
      grpcAddress: this.grpcAddress,
      hostname,
      version,
      capacity: { ...machine, ...memory, ...store.disk, ownerState },
      replicas: this.replicas(),
      ...this.#conditions,
      heartbeatIntervalMs,
      files: store.statuses(),
      endedAttempts: this.attempts.ended(),
      lines: this.lines.lines,
    };
  }

  replicas(): ReplicaStatus[] {
    return [...this.state.replicas.values()].map((replica) => this.#statusOf(replica));
  }

  #statusOf(replica: Replica): ReplicaStatus {
    const engine = this.#engines.get(replica.replicaId);
    const status = replicaStatus(replica, (requestId, epoch) => this.attempts.isOrphaned(requestId, epoch));
    return { ...status, held: engine?.held ?? [], speed: engine == null ? null : speedOf(engine, status) };
  }

  /** Loads a replica, or joins its loading. @throws PomonaError why it cannot be. */
  async load(replicaId: ReplicaId, spec: ReplicaSpec, signal: AbortSignal): Promise<ReplicaStatus> {
    const { machine, modelsDirectory, store } = this.#dependencies;
    const source = spec.files.length === 0 ? spec.source : await store.provide(spec.files, signal);
    const place = { gpu: machine.gpu, modelsDirectory, memoryCorrection: this.#memoryCheck.correction };
    const needs = await readModelNeeds({ ...spec, source }, place, signal);
    const settled = new Promise<GenerationFailure | null>((resolve) => {
      const waiting = this.#waiting.get(replicaId) ?? [];
      this.#waiting.set(replicaId, [...waiting, resolve]);
    });
    this.#take({ kind: "loadRequested", replicaId, spec, ...needs });
    const failure = await settled;
    if (failure !== null) throw new PomonaError(failure.code, failure.message);
    const replica = this.state.replicas.get(replicaId);
    if (replica === undefined) throw new PomonaError("not_found", `replica ${replicaId} was unloaded meanwhile`);
    return this.#statusOf(replica);
  }

  /** Ends a replica; its attempts end as failed, retryable. */
  async unload(replicaId: ReplicaId): Promise<void> {
    if (!this.state.replicas.has(replicaId))
      throw new PomonaError("not_found", `there is no replica ${replicaId} here`);
    const engine = this.#engines.get(replicaId);
    this.#take({ kind: "unloadRequested", replicaId });
    await engine?.exited;
  }

  async tokenize(replicaId: ReplicaId, input: PromptInput, signal: AbortSignal): Promise<TokenizedPrompt> {
    return await this.#engine(replicaId).tokenize(input, signal);
  }

  async embed(replicaId: ReplicaId, inputs: readonly EmbedInput[], signal: AbortSignal): Promise<readonly Embedded[]> {
    const engine = this.#engine(replicaId);
    const { inputLengthMax } = engine.info;
    const listed: (readonly number[])[] = [];
    for (const [index, input] of inputs.entries()) {
      const { tokenIds, tokensLeftOut } =
        input.kind === "tokens" ? { ...input, tokensLeftOut: 0 } : await engine.tokenize(input, signal);
      if (tokensLeftOut > 0 && inputLengthMax > 0)
        throw inputTooLong(index, tokenIds.length + tokensLeftOut, inputLengthMax);
      listed.push(tokenIds);
    }
    const vectors = await engine.embed(listed, signal);
    return vectors.map((vector, index) => ({ vector, tokens: listed[index]?.length ?? 0 }));
  }

  async rank(replicaId: ReplicaId, { query, documents }: RankCall, signal: AbortSignal): Promise<Ranking> {
    return await this.#engine(replicaId).rank(query, documents, signal);
  }

  /** Ends every replica. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.attempts.close();
    for (const controller of this.#starting.values()) controller.abort();
    await Promise.all([...this.#engines.values()].map((engine) => engine.close()));
  }

  /** Whose states a replica can use. @throws PomonaError `not_found`. */
  statefulReplica(replicaId: ReplicaId): StatefulReplica {
    return { engine: this.#engine(replicaId), key: this.#stateKeys.get(replicaId) ?? "" };
  }

  #engine(replicaId: ReplicaId): EngineReplica {
    const engine = this.#engines.get(replicaId);
    if (engine === undefined) throw new PomonaError("not_found", `there is no ready replica ${replicaId} here`);
    return engine;
  }

  #takeFrame({ replicaId, requestId, epoch }: Attempt, frame: AttemptFrame): void {
    const model = this.state.replicas.get(replicaId)?.spec.model;
    if (model !== undefined) this.#dependencies.metrics.frame(model, frame);
    if (frame.kind === "ending") this.#take({ kind: "attemptEnded", replicaId, requestId, epoch });
  }

  #take(event: AgentEvent): void {
    for (const effect of stepAgent(this.state, event, this.#dependencies.clock.nowMs())) {
      // The table is total over kinds; the compiler cannot see that this entry takes this effect.
      const executor = this.#executors[effect.kind] as (effect: AgentEffect) => void;
      executor(effect);
    }
  }

  readonly #executors: Executors = {
    startEngine: (effect) => void this.#startEngine(effect),
    stopEngine: ({ replicaId }) => void this.#stopEngine(replicaId),
    settleLoad: ({ replicaId, failure }) => this.#settleLoad(replicaId, failure),
  };

  async #startEngine(effect: StartEngine): Promise<void> {
    const { replicaId } = effect;
    const controller = new AbortController();
    if (this.#isClosing) controller.abort();
    this.#starting.set(replicaId, controller);
    try {
      const replica = await this.#openEngine(effect, controller.signal);
      this.#engines.set(replicaId, replica);
      this.#takeWorkingSet(replica.info.workingSetBytes);
      void replica.exited.then((reason) => this.#engineExited(replicaId, reason));
      this.#take({ kind: "engineReady", replicaId, pid: replica.info.pid });
    } catch (thrown) {
      const stopped = new PomonaError("cancelled", "the replica was stopped while it loaded");
      this.#engineFailed(effect, controller.signal.aborted ? stopped : toPomonaError(thrown), "replica failed to load");
    } finally {
      // A restart has put its own there already.
      if (this.#starting.get(replicaId) === controller) this.#starting.delete(replicaId);
    }
  }

  #takeWorkingSet(bytes: number | null): void {
    const { budgetWith } = this.#dependencies;
    if (bytes !== null && budgetWith !== null) this.#take({ kind: "budgetKnown", budgetBytes: budgetWith(bytes) });
  }

  /** @throws PomonaError what the engine or the file has against it; whatever, once the signal has aborted. */
  async #openEngine(effect: StartEngine, signal: AbortSignal): Promise<EngineReplica> {
    const { modelPath, spec, contextLength, memory, threads, delayMs, isSuspect } = effect;
    const { engine, states } = this.#dependencies;
    if (delayMs > 0) await delay(delayMs, undefined, { signal });
    const digest = await this.#readModel(effect, signal);
    const options = { ...spec.engine, threads };
    const { slots } = spec;
    const adapters = await adapterIdentities(this.#dependencies.digests, spec.engine.loras, signal);
    const identity = { digest, adapters, build: engine.build, contextLength, slots, options, memory };
    this.#stateKeys.set(effect.replicaId, stateKeyOf(identity));
    const stateStore = stateStoreSpec(states, identity);
    const { machine } = this.#dependencies;
    const speedIdentity = { digest, build: engine.build, chip: machine.chip, options };
    const known = this.#speeds.known(speedIdentity);
    const { weightsBytes } = memory;
    const speed = known ?? expectedSpeed({ ...machine, weightsBytes, kvBytesPerToken: stateStore.kvBytesPerToken });
    const load = { modelPath, slots, contextLength, options, checksTensors: isSuspect, stateStore, speed };
    const replica = await engine.load(load, signal);
    this.#speeds.began(effect.replicaId, speedIdentity);
    if (known === null) await this.#speeds.measure(replica, spec.model);
    return replica;
  }

  /** Keeps what the replicas have learned of their speed for the next start. Call it now and then. */
  keepSpeeds(): void {
    for (const [replicaId, engine] of this.#engines) this.#speeds.keep(replicaId, engine);
  }

  async #readModel({ replicaId, spec, modelPath, isSuspect }: StartEngine, signal: AbortSignal): Promise<string> {
    const digest = await readModelDigest({ spec, modelPath, isFresh: isSuspect, signal }, this.#dependencies);
    const known = this.state.replicas.get(replicaId)?.digest ?? "";
    const changed = refuseChangedModel(known, digest, { model: spec.model, modelPath });
    if (changed !== null) throw new PomonaError(changed.code, changed.message);
    this.#take({ kind: "modelRead", replicaId, digest });
    return digest;
  }

  async #stopEngine(replicaId: ReplicaId): Promise<void> {
    this.#starting.get(replicaId)?.abort();
    await this.#engines.get(replicaId)?.close();
  }

  #engineExited(replicaId: ReplicaId, reason: PomonaError | null): void {
    const engine = this.#engines.get(replicaId);
    if (engine !== undefined) this.#speeds.keep(replicaId, engine);
    this.#engines.delete(replicaId);
    this.#stateKeys.delete(replicaId);
    this.#speeds.ended(replicaId);
    if (reason === null) {
      this.#take({ kind: "engineStopped", replicaId });
      return;
    }
    const replica = this.state.replicas.get(replicaId);
    if (replica !== undefined) this.#engineFailed(replica, reason, "engine worker died");
  }

  /** Tells of it once, and lets the core decide whether it is started again. */
  #engineFailed({ replicaId, spec }: Pick<Replica, "replicaId" | "spec">, error: PomonaError, event: string): void {
    const { log, metrics } = this.#dependencies;
    const { model } = spec;
    const { code, message, cause } = error;
    if (code === "engine_crashed") metrics.engineDied(model, deathReasonOf(cause));
    if (code !== "cancelled") log.error({ replicaId, model, code, reason: message }, event);
    this.#take({ kind: "engineFailed", replicaId, failure: failureOf(error), jitter: Math.random() });
  }

  #settleLoad(replicaId: ReplicaId, failure: GenerationFailure | null): void {
    const waiting = this.#waiting.get(replicaId) ?? [];
    this.#waiting.delete(replicaId);
    const replica = this.state.replicas.get(replicaId);
    if (failure === null && replica !== undefined)
      this.#dependencies.metrics.loaded(replica.spec.model, replica.loadMs);
    for (const resolve of waiting) resolve(failure);
  }
}
