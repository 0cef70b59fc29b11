// A pool that the product's own core runs: the same events and effects as in production, on virtual time.

import { type CoreConfig, defaultCoreConfig } from "@pomona/coordinator/core/core-config";
import type { Effect } from "@pomona/coordinator/core/effect";
import type { ClusterEvent, NewRequest } from "@pomona/coordinator/core/event";
import { decisionViolations, idleSlotViolations, violations } from "@pomona/coordinator/core/invariants";
import { type ClusterState, emptyState } from "@pomona/coordinator/core/state";
import { step } from "@pomona/coordinator/core/step";
import { readyReplicas } from "@pomona/coordinator/core/views";
import { unreachable } from "@pomona/shared/core/assert";
import { defaultDecoding, type GenerationFailure } from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { type DeployedModel, deployedModel, inspectionOf } from "../deployed-model.ts";
import { contextLength } from "../engine/machine-profile.ts";
import type { WorkloadRequest } from "../workload/sample.ts";
import { promptTokensOf } from "./block-tokens.ts";
import { CoreNode, memoryOf } from "./core-node.ts";
import { fittingModels, type Pool, type PoolModel, type PoolParts } from "./pool.ts";
import type { LoggedRequest } from "./request-log.ts";

const heartbeatMs = 500;
const tickMs = 100;
/** A command's way to a node. */
const lanMs = 1;
/** Contract: keepalive every 400 ms, given up after another 400. */
const keepaliveMs = 800;
/** The link to a node that is back is dialled again. */
const redialMs = 500;
/** No load for so long: the first placement has come to its end. */
const settledMs = 10_000;
/** Longer than any run: nothing but a late first token ends a request. */
const patientMs = 1e9;
/** Longer than the queue of any run: the baselines have no limit either. */
const queueLengthMax = 100_000;

const nodeLost: GenerationFailure = { code: "node_lost", message: "the link broke", isRetryable: true };

type OpenLoad = { readonly nodeId: NodeId; readonly settle: (result: ReplicaStatus | GenerationFailure) => void };

export type CoreOptions = {
  /** Checks the invariants after every event, which takes most of the time. */
  readonly isChecked: boolean;
};

export class CorePool implements Pool {
  readonly state: ClusterState = emptyState();
  readonly problems: string[];
  readonly #parts: PoolParts;
  readonly #options: CoreOptions;
  readonly #config: CoreConfig;
  readonly #nodes = new Map<NodeId, CoreNode>();
  readonly #links = new Set<NodeId>();
  readonly #requests = new Map<RequestId, LoggedRequest>();
  readonly #pending: ClusterEvent[] = [];
  /** Loads that are under way. */
  readonly #loading = new Map<ReplicaId, OpenLoad>();
  #loadedAtMs = 0;
  #isStepping = false;
  #submitted = 0;

  constructor(options: CoreOptions, parts: PoolParts) {
    this.#parts = parts;
    this.#options = options;
    this.problems = parts.log.problems;
    const lateMaxMs = parts.dropsLate ? 0 : Number.POSITIVE_INFINITY;
    const scheduler = { ...defaultCoreConfig.scheduler, lateMaxMs };
    this.#config = { ...defaultCoreConfig, queueLengthMax, queueLengthPerModelMax: queueLengthMax, scheduler };
    const { time, machines, models, savedStates } = parts;
    const complain = (problem: string): void => {
      this.problems.push(problem);
    };
    for (const model of models) this.#take({ kind: "deploymentSet", record: modelOf(model).record });
    for (const [index, machine] of machines.entries()) {
      const nodeId = hexId(index + 1);
      const node = new CoreNode({ time, nodeId, machine, models, savedStates, complain });
      this.#nodes.set(nodeId, node);
      // Machines do not start at the same instant.
      time.after((heartbeatMs * index) / machines.length, () => time.every(heartbeatMs, () => this.#beat(node)));
    }
    time.every(tickMs, () => {
      this.#take({ kind: "tick" });
      return true;
    });
  }

  readonly isReady = (): boolean => {
    const { time, machines, models } = this.#parts;
    const filled = machines.reduce((sum, machine) => sum + fittingModels(machine, models).length, 0);
    const ready = models.map(({ name }) => readyReplicas(this.state, name).length);
    if (ready.reduce((sum, count) => sum + count, 0) === filled) return true;
    const isSettled = this.#loading.size === 0 && time.nowMs - this.#loadedAtMs > settledMs;
    return isSettled && ready.every((count) => count > 0);
  };

  get loads(): number {
    return [...this.#nodes.values()].reduce((sum, { loads }) => sum + loads, 0);
  }

  readonly submit = (request: WorkloadRequest): void => {
    const { time, log } = this.#parts;
    this.#submitted += 1;
    const requestId = hexId(this.#submitted);
    this.#requests.set(requestId, log.arrive(request, time.nowMs));
    const { model, tenant, blocks, promptTokens } = request;
    const newRequest: NewRequest = {
      requestId,
      model,
      tenant,
      priority: "interactive",
      // The product's own objective.
      firstTokenDeadlineMs: null,
      promptDigest: "",
      promptTokenIds: promptTokensOf(blocks, promptTokens, this.#submitted),
      decoding: { ...defaultDecoding, maxTokens: contextLength - promptTokens },
      deadlineMs: time.nowMs + patientMs,
    };
    this.#take({ kind: "requestArrived", request: newRequest });
  };

  readonly loseMachine = (index: number, downMs: number): void => {
    const { time } = this.#parts;
    const node = [...this.#nodes.values()][index];
    if (node === undefined || node.isDown) return;
    const { nodeId } = node;
    node.switchOff();
    time.after(keepaliveMs, () => {
      this.#take({ kind: "linkDown", nodeId });
      // Every call that is open there says that it has failed.
      for (const { requestId, epoch, place } of [...this.state.requests.values()]) {
        if (place.kind !== "bound" || place.nodeId !== nodeId) continue;
        this.#take({ kind: "attemptFailed", requestId, epoch, failure: nodeLost });
      }
      for (const load of [...this.#loading.values()]) if (load.nodeId === nodeId) load.settle(nodeLost);
    });
    time.after(Math.max(downMs, keepaliveMs + redialMs), () => {
      node.switchOn();
      this.#beat(node);
      time.after(redialMs, () => {
        if (this.#links.has(nodeId)) this.#take({ kind: "linkUp", nodeId });
      });
    });
  };

  #beat(node: CoreNode): boolean {
    if (!node.isDown) this.#take({ kind: "heartbeat", status: node.status(), address: node.address });
    return true;
  }

  #take(event: ClusterEvent): void {
    this.#pending.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#step(next);
    this.#isStepping = false;
  }

  #step(event: ClusterEvent): void {
    const context = { state: this.state, nowMs: this.#parts.time.nowMs, config: this.#config };
    const effects = step(event, context);
    if (this.#options.isChecked) {
      const idle = event.kind === "frame" ? [] : idleSlotViolations(context);
      for (const problem of [...violations(context), ...decisionViolations(context, effects), ...idle])
        this.problems.push(`after ${event.kind}: ${problem}`);
    }
    for (const effect of effects) this.#execute(effect);
  }

  #execute(effect: Effect): void {
    const { time, log } = this.#parts;
    switch (effect.kind) {
      case "connectNode":
        this.#connect(effect.nodeId);
        break;
      case "disconnectNode":
        this.#links.delete(effect.nodeId);
        break;
      case "loadReplica":
        this.#load(effect);
        break;
      case "unloadReplica":
        time.after(lanMs, () => this.#nodes.get(effect.nodeId)?.unload(effect.replicaId));
        break;
      case "startAttempt":
        time.after(lanMs, () => this.#start(effect));
        break;
      case "keepAttempts":
      case "takeUpAttempt":
        // One coordinator all the time, and nodes that end what nobody reads.
        break;
      case "cancelAttempt":
        time.after(lanMs, () => this.#nodes.get(effect.nodeId)?.cancel(effect.requestId, effect.epoch));
        break;
      case "deliver":
        this.#deliver(effect);
        break;
      case "finish": {
        const { reason } = effect.ending;
        const logged = this.#requests.get(effect.requestId);
        this.#requests.delete(effect.requestId);
        if (logged === undefined) this.problems.push("a request that is not there ended");
        else log.end(logged, time.nowMs, reason !== "stop" && reason !== "length");
        break;
      }
      case "inspectModel":
        time.after(lanMs, () => this.#inspect(effect));
        break;
      // Every machine finds every file, on its disk or on the network.
      case "pullModel":
      case "cancelPull":
      // Machines here know no line to each other.
      case "holdState":
      case "dropState":
      case "pinModel":
      case "announce":
      case "tellWaiting":
        break;
      default:
        unreachable(effect);
    }
  }

  #inspect({ nodeId, model, runKey }: Effect & { kind: "inspectModel" }): void {
    const found = this.#parts.models.find(({ name }) => name === model);
    if (found === undefined || this.#nodes.get(nodeId)?.isDown !== false) return;
    this.#take({ kind: "modelInspected", nodeId, model, runKey, outcome: inspectionOf(modelOf(found)) });
  }

  #connect(nodeId: NodeId): void {
    this.#links.add(nodeId);
    this.#parts.time.after(lanMs, () => {
      if (this.#links.has(nodeId) && this.#nodes.get(nodeId)?.isDown === false) this.#take({ kind: "linkUp", nodeId });
    });
  }

  #load({ nodeId, replicaId, spec }: Effect & { kind: "loadReplica" }): void {
    const { time } = this.#parts;
    const { model } = spec;
    const settle = (result: ReplicaStatus | GenerationFailure): void => {
      if (!this.#loading.delete(replicaId)) return;
      this.#loadedAtMs = time.nowMs;
      if ("code" in result) this.#take({ kind: "loadFailed", nodeId, replicaId, model, failure: result });
      else this.#take({ kind: "replicaLoaded", nodeId, replica: result });
    };
    this.#loading.set(replicaId, { nodeId, settle });
    time.after(lanMs, () => {
      const node = this.#nodes.get(nodeId);
      if (node?.isDown === false) node.load(replicaId, spec, settle);
    });
  }

  #start({ nodeId, attempt }: Effect & { kind: "startAttempt" }): void {
    const { requestId, epoch } = attempt;
    const logged = this.#requests.get(requestId);
    const node = this.#nodes.get(nodeId);
    // A machine without power says nothing: the coordinator finds out when the link breaks.
    if (logged === undefined || node === undefined || node.isDown) return;
    const { blocks, outputTokens } = logged.request;
    const isTaken = node.start({
      attempt,
      blocks,
      outputTokens,
      send: (frame) => this.#take({ kind: "frame", requestId, epoch, frame }),
    });
    if (isTaken) return;
    const failure = { code: "slots_full", message: "no slot is free", isRetryable: true } as const;
    this.#take({ kind: "attemptFailed", requestId, epoch, failure });
  }

  #deliver({ requestId, frame }: Effect & { kind: "deliver" }): void {
    const logged = this.#requests.get(requestId);
    if (logged === undefined) {
      this.problems.push("a frame came for a request that is not there");
      return;
    }
    if (frame.kind === "accepted") this.#parts.log.accept(logged, frame.cachedPromptTokens);
    if (frame.kind === "tokens") for (const _ of frame.ids) this.#parts.log.token(logged, this.#parts.time.nowMs);
  }
}

function modelOf(model: PoolModel): DeployedModel {
  return deployedModel({ model: model.name, slots: 4 }, { memory: memoryOf(model), contextLength });
}

function hexId(number: number): string {
  return number.toString(16).padStart(32, "0");
}
