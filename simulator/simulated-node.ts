// One process of a node-agent: the agent's own core around an engine of which only the times are modelled.

import { withTerm } from "@pomona/node-agent/core/coordinator-terms";
import {
  type AgentState,
  emptyAgentState,
  freeBudget,
  type Replica,
  replicaStatus,
} from "@pomona/node-agent/core/state";
import { type AgentEffect, type AgentEvent, stepAgent } from "@pomona/node-agent/core/step";
import { assert } from "@pomona/shared/core/assert";
import type { Attempt, AttemptFrame, GenerationFailure } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { NamedFile, StoredFile } from "@pomona/shared/core/model-files";
import { type NodeStatus, type ReplicaSpec, type ReplicaStatus, untold } from "@pomona/shared/core/node-status";
import { Device } from "./engine/device.ts";
import { referenceMachine } from "./engine/machine-profile.ts";
import { ReplicaEngine } from "./engine/replica-engine.ts";
import { heldBy, speedOf } from "./engine/report.ts";
import { failure } from "./failure.ts";
import type { Machine, NodeSurroundings } from "./machine.ts";
import { SimulatedAttempt } from "./simulated-attempt.ts";
import { type AttemptSink, type Leave, SimulatedAttempts } from "./simulated-attempts.ts";

/** Of all coordinators of a run. */
const cluster = "simulated";

/** Short, so that the short prompts of these runs come in several. */
const chunkTokens = 64;

/** Milliseconds that a transfer takes. */
const pullMsMin = 100;
const pullMsMax = 4000;

type Pull = { readonly files: readonly NamedFile[]; readonly answer: (failed: GenerationFailure | null) => void };
type LoadAnswer = (result: ReplicaStatus | GenerationFailure) => void;

export class SimulatedNode {
  readonly machine: Machine;
  readonly incarnation: number;
  readonly surroundings: NodeSurroundings;
  readonly #state: AgentState;
  readonly #answers = new Map<ReplicaId, LoadAnswer[]>();
  readonly #running = new Map<RequestId, SimulatedAttempt>();
  /** Those that run, and those that ended and were not read to their end. */
  readonly attempts: SimulatedAttempts;
  readonly #engines = new Map<ReplicaId, ReplicaEngine>();
  readonly #pulls = new Map<string, Pull>();
  readonly #device: Device;
  #sequence = 0;
  #pausedUntilMs = 0;
  isDead = false;
  isDraining = false;
  /** Its heartbeats are stuck, its streams are not. */
  isMute = false;
  loads = 0;
  #clockRate = 1;
  #clockSetAtMs = 0;
  #clockThen = 0;

  constructor(machine: Machine, incarnation: number, surroundings: NodeSurroundings) {
    this.machine = machine;
    this.incarnation = incarnation;
    this.surroundings = surroundings;
    this.#device = new Device(surroundings.time, () => this.pausedForMs);
    this.#state = emptyAgentState(machine.budgetBytes);
    this.attempts = new SimulatedAttempts({
      nowMs: () => this.clockMs,
      after: (ms, run) => this.after(ms, run),
      make: (attempt, onFrame) => this.#make(attempt, onFrame),
    });
  }

  /** Milliseconds by its own clock, which may go fast or slowly. */
  get clockMs(): number {
    return this.#clockThen + (this.surroundings.time.nowMs - this.#clockSetAtMs) * this.#clockRate;
  }

  /** Takes in the term of a call. Returns the highest that was heard. */
  noteTerm(term: number): number {
    const { terms } = this.surroundings;
    terms.known = withTerm(terms.known, cluster, term);
    return terms.known.get(cluster) ?? term;
  }

  setClockRate(rate: number): void {
    this.#clockThen = this.clockMs;
    this.#clockSetAtMs = this.surroundings.time.nowMs;
    this.#clockRate = rate;
  }

  /** A timer of its process. */
  after(ms: number, run: () => void): void {
    const ring = (): void => {
      if (this.isDead) return;
      if (this.isPaused) this.surroundings.time.after(this.pausedForMs, ring);
      else run();
    };
    this.surroundings.time.after(ms / this.#clockRate, ring);
  }

  /** Whether the process is stopped (SIGSTOP), so that nothing comes from it. */
  get isPaused(): boolean {
    return this.surroundings.time.nowMs < this.#pausedUntilMs;
  }

  get pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.surroundings.time.nowMs);
  }

  get running(): readonly Attempt[] {
    return [...this.#running.values()].map(({ attempt }) => attempt);
  }

  get runningAttempts(): number {
    return [...this.#state.replicas.values()].reduce((sum, replica) => sum + replica.running.size, 0);
  }

  status(): NodeStatus {
    this.#sequence += 1;
    const { nodeId, address, budgetBytes } = this.machine;
    return {
      nodeId,
      incarnation: this.incarnation,
      sequence: this.#sequence,
      state: this.isDraining ? "draining" : "serving",
      grpcAddress: address,
      hostname: address,
      version: "0.0.0",
      capacity: {
        memoryBytes: budgetBytes * 2,
        budgetBytes,
        freeBytes: freeBudget(this.#state),
        chip: "simulated",
        gpu: "cpu",
        cpuCores: 8,
        ...untold,
      },
      replicas: [...this.#state.replicas.values()].map((replica) => this.#report(replica)),
      thermalState: "nominal",
      power: { source: "mains", watts: null },
      heartbeatIntervalMs: 500,
      files: this.#storedFiles(),
      endedAttempts: this.attempts.ended,
      lines: [],
    };
  }

  #storedFiles(): StoredFile[] {
    const { disk } = this.surroundings;
    const coming = [...this.#pulls.values()].flatMap(({ files }) => files.filter(({ digest }) => !disk.has(digest)));
    const stored = (held: boolean): ((file: NamedFile) => StoredFile) => {
      return ({ digest, bytes }) => ({
        digest,
        bytes,
        heldBytes: held ? bytes : 0,
        state: held ? "verified" : "pulling",
        failure: null,
      });
    };
    return [...[...disk.values()].map(stored(true)), ...coming.map(stored(false))];
  }

  /** Brings files to its disk. Answers when they are there, or why not; returns what stops it. */
  pull(key: string, files: readonly NamedFile[], answer: Pull["answer"]): () => void {
    const { time, random, planned, onFault, disk } = this.surroundings;
    this.cancelPull(key);
    const pull = { files, answer };
    this.#pulls.set(key, pull);
    time.after(random.between(pullMsMin, pullMsMax) + this.pausedForMs, () => {
      if (this.isDead || this.#pulls.get(key) !== pull) return;
      this.#pulls.delete(key);
      if (planned.failPulls > 0) {
        planned.failPulls -= 1;
        onFault("failPulls");
        answer(failure("transfer_failed", true));
        return;
      }
      for (const file of files) disk.set(file.digest, file);
      answer(null);
    });
    return () => {
      if (this.#pulls.get(key) === pull) this.cancelPull(key);
    };
  }

  cancelPull(key: string): void {
    const pull = this.#pulls.get(key);
    this.#pulls.delete(key);
    pull?.answer(failure("cancelled", false));
  }

  pause(ms: number): void {
    this.#pausedUntilMs = this.surroundings.time.nowMs + ms;
  }

  /** kill -9: nothing more is sent. */
  kill(): void {
    this.isDead = true;
    for (const attempt of this.#running.values()) attempt.abandon();
    for (const engine of this.#engines.values()) engine.switchOff();
  }

  load(replicaId: ReplicaId, spec: ReplicaSpec, answer: LoadAnswer): void {
    const { disk, hasInPlace, complain } = this.surroundings;
    const file = this.surroundings.files.get(spec.model);
    assert(file !== undefined, `the pool asks for a model that there is: ${spec.model}`);
    const isThere =
      spec.files.length === 0 ? hasInPlace(spec.model) : spec.files.every(({ digest }) => disk.has(digest ?? ""));
    if (!isThere) complain(`node ${this.machine.nodeId} shall load ${spec.model} without its files`);
    this.#answers.set(replicaId, [...(this.#answers.get(replicaId) ?? []), answer]);
    const { memory, contextLength } = file;
    this.#take({ kind: "loadRequested", replicaId, spec, modelPath: spec.model, contextLength, memory });
  }

  unload(replicaId: ReplicaId): void {
    this.#take({ kind: "unloadRequested", replicaId });
  }

  /** Its frames go to the sink. Returns what the node does when its reader is gone. */
  start(attempt: Attempt, sink: AttemptSink): Leave {
    if (this.#state.replicas.get(attempt.replicaId)?.state === "ready") return this.attempts.start(attempt, sink);
    sink.fail(failure("not_found", false));
    return () => undefined;
  }

  #make(attempt: Attempt, onFrame: (frame: AttemptFrame) => void): SimulatedAttempt | GenerationFailure {
    const replica = this.#state.replicas.get(attempt.replicaId);
    if (replica?.state !== "ready") return failure("not_found", false);
    const { planned, onFault } = this.surroundings;
    if (replica.running.size >= replica.spec.slots) return failure("slots_full", true);
    if (planned.refuseAttempts > 0) {
      planned.refuseAttempts -= 1;
      onFault("refuseAttempts");
      return failure("slots_full", true);
    }
    return this.#run(replica, attempt, onFrame);
  }

  #run(replica: Replica, attempt: Attempt, onFrame: (frame: AttemptFrame) => void): SimulatedAttempt {
    const { replicaId, requestId, epoch } = attempt;
    const other = this.#running.get(requestId);
    if (other !== undefined)
      this.surroundings.complain(`epochs ${other.attempt.epoch} and ${epoch} of request ${requestId} run on one node`);
    const running = new SimulatedAttempt(attempt, {
      node: this,
      engine: this.#engineOf(replica),
      send: onFrame,
      ended: () => {
        if (this.#running.get(requestId) === running) this.#running.delete(requestId);
        this.#take({ kind: "attemptEnded", replicaId, requestId, epoch });
      },
      poisoned: () => {
        this.surroundings.onPoisoned(requestId);
        this.crashEngine(replicaId);
      },
    });
    this.#running.set(requestId, running);
    this.#take({ kind: "attemptStarted", replicaId, requestId, epoch });
    return running;
  }

  /** The engine of a ready replica; a new one after each load and each crash. */
  #engineOf({ replicaId, spec }: Replica): ReplicaEngine {
    const known = this.#engines.get(replicaId);
    if (known !== undefined) return known;
    const { prefillTokensPerSecond, decodeTokensPerSecond } = this.machine;
    const profile = { ...referenceMachine, slots: spec.slots, prefillTokensPerSecond, decodeTokensPerSecond };
    const { time } = this.surroundings;
    const engine = new ReplicaEngine({ time, device: this.#device, profile, store: null, chunkTokens });
    this.#engines.set(replicaId, engine);
    return engine;
  }

  #switchOff(replicaId: ReplicaId): void {
    this.#engines.get(replicaId)?.switchOff();
    this.#engines.delete(replicaId);
  }

  #report(replica: Replica): ReplicaStatus {
    const status = replicaStatus(replica, (requestId, epoch) => this.attempts.isOrphaned(requestId, epoch));
    const engine = this.#engines.get(replica.replicaId);
    if (engine === undefined) return status;
    // Blocks of these prompts are named by the product's own hashes.
    return { ...status, held: heldBy(engine, (blocks) => blocks), speed: speedOf(engine) };
  }

  /** The engine worker of a replica, or of the first one, dies. Returns whether there was one. */
  crashEngine(replicaId?: ReplicaId): boolean {
    const ready = [...this.#state.replicas.values()].filter(({ state }) => state === "ready");
    const victim = ready.find((replica) => replicaId === undefined || replica.replicaId === replicaId);
    if (victim === undefined) return false;
    this.#switchOff(victim.replicaId);
    this.#take({ kind: "engineFailed", replicaId: victim.replicaId, failure: failure("engine_crashed", true) });
    for (const running of [...this.#running.values()]) {
      if (running.attempt.replicaId === victim.replicaId) running.fail(failure("engine_crashed", true));
    }
    return true;
  }

  #take(event: AgentEvent): void {
    for (const effect of stepAgent(this.#state, event, this.clockMs)) this.#execute(effect);
  }

  #execute(effect: AgentEffect): void {
    switch (effect.kind) {
      case "startEngine":
        this.#startEngine(effect.replicaId, effect.modelPath);
        break;
      case "stopEngine":
        this.surroundings.time.after(20, () => this.#stopEngine(effect.replicaId));
        break;
      case "settleLoad":
        this.#settle(effect.replicaId, effect.failure);
        break;
    }
  }

  #startEngine(replicaId: ReplicaId, modelPath: string): void {
    const { time, random, files, planned, onFault } = this.surroundings;
    this.loads += 1;
    time.after(this.machine.loadMs * random.between(0.5, 1.5) + this.pausedForMs, () => {
      if (this.isDead) return;
      if (files.get(modelPath)?.isBroken === true) {
        this.#take({ kind: "engineFailed", replicaId, failure: failure("invalid_model", false) });
      } else if (planned.failLoads > 0) {
        planned.failLoads -= 1;
        onFault("failLoads");
        this.#take({ kind: "engineFailed", replicaId, failure: failure("engine_crashed", true) });
      } else {
        this.#take({ kind: "engineReady", replicaId, pid: null });
      }
    });
  }

  #stopEngine(replicaId: ReplicaId): void {
    if (this.isDead) return;
    this.#switchOff(replicaId);
    for (const running of [...this.#running.values()]) {
      if (running.attempt.replicaId === replicaId) running.fail(failure("shutting_down", true));
    }
    this.#take({ kind: "engineStopped", replicaId });
  }

  #settle(replicaId: ReplicaId, failed: GenerationFailure | null): void {
    const answers = this.#answers.get(replicaId) ?? [];
    this.#answers.delete(replicaId);
    const replica = this.#state.replicas.get(replicaId);
    const result = failed ?? (replica === undefined ? failure("not_found", false) : replicaStatus(replica));
    for (const answer of answers) answer(result);
  }
}
