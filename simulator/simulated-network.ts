// Everything between a coordinator and its nodes: gRPC links that keep order and break, and heartbeats over NATS that
// do neither.
import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import type { InspectionOutcome } from "@pomona/coordinator/core/model-sources";
import type { Attempt, GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import type { Random } from "./random.ts";
import { failure, type SimulatedNode } from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Contract: keepalive every 400 ms, given up after another 400. */
const keepaliveMs = 800;
const heartbeatMs = 500;
const retransmitMs = 20;
const reconnectMinMs = 200;
const reconnectMaxMs = 2000;

/** What faults change. */
export type NetworkConditions = {
  /** Nodes that nothing reaches and nothing leaves. */
  readonly cutOff: Set<NodeId>;
  /** Nodes whose heartbeats NATS loses. */
  readonly withoutNats: Set<NodeId>;
  /** Nodes whose machine goes without a word when it goes. */
  readonly withoutReset: Set<NodeId>;
  /** Added to every message of a node's link. */
  readonly addedDelayMs: Map<NodeId, number>;
};

type Surroundings = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly conditions: NetworkConditions;
  /** The process that listens at an address; none when the machine is down. */
  readonly processAt: (address: string) => SimulatedNode | undefined;
  /** What a node says of a source. */
  readonly inspect: (nodeId: NodeId, model: ModelName) => InspectionOutcome;
  readonly onEvent: (event: ClusterEvent) => void;
};

/** One side of a conversation that ends with an error when the link breaks. */
type OpenCall = { readonly broke: (failure: GenerationFailure) => void; readonly cancel: () => void };

const nothing = (): void => {};

/** One direction of a connection: everything arrives in order, after a delay, and waits while nothing gets through. */
class Pipe {
  readonly #time: VirtualTime;
  readonly #delayMs: () => number;
  readonly #isBlocked: () => boolean;
  readonly #waiting: (() => void)[] = [];
  #arrivesAtMs = 0;
  isOpen = true;

  constructor(time: VirtualTime, delayMs: () => number, isBlocked: () => boolean) {
    this.#time = time;
    this.#delayMs = delayMs;
    this.#isBlocked = isBlocked;
  }

  send(take: () => void): void {
    const { nowMs } = this.#time;
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, nowMs + this.#delayMs());
    this.#time.after(this.#arrivesAtMs - nowMs, () => {
      this.#waiting.push(take);
      if (this.#waiting.length === 1) this.#drain();
    });
  }

  #drain(): void {
    while (this.isOpen && !this.#isBlocked()) {
      const take = this.#waiting[0];
      if (take === undefined) return;
      take();
      this.#waiting.shift();
    }
    if (this.isOpen) this.#time.after(retransmitMs, () => this.#drain());
  }
}

type Connection = {
  readonly peer: SimulatedNode;
  readonly toNode: Pipe;
  readonly fromNode: Pipe;
  /** What the node ends when it sees the connection break. */
  readonly startedOverIt: Set<() => void>;
};

/** The coordinator's link to one address: what `coordinator/grpc/node-links.ts` does, on virtual time. */
export class SimulatedLink {
  readonly nodeId: NodeId;
  readonly address: string;
  readonly #surroundings: Surroundings;
  readonly #calls = new Set<OpenCall>();
  readonly #attempts = new Map<string, OpenCall>();
  #connection: Connection | null = null;
  #isClosed = false;
  #isWatched = false;
  #silentForMs = 0;

  constructor(nodeId: NodeId, address: string, surroundings: Surroundings) {
    this.nodeId = nodeId;
    this.address = address;
    this.#surroundings = surroundings;
    this.#connect(reconnectMinMs);
    surroundings.time.every(100, () => this.#keepAlive());
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  /** The connection is reset: every call on it fails, then it is dialled again. */
  break(): void {
    if (this.#connection === null) return;
    const { random, onEvent } = this.#surroundings;
    const { nodeId } = this;
    const wasWatched = this.#isWatched;
    // The calls and the status stream notice in no certain order.
    const isFirst = random.chance(0.5);
    if (wasWatched && isFirst) onEvent({ kind: "linkDown", nodeId });
    this.#drop();
    if (wasWatched && !isFirst) onEvent({ kind: "linkDown", nodeId });
    this.#connect(reconnectMinMs);
  }

  load(replicaId: ReplicaId, spec: ReplicaSpec): void {
    const { nodeId } = this;
    const { onEvent } = this.#surroundings;
    const failed = (why: GenerationFailure): void =>
      onEvent({ kind: "loadFailed", nodeId, replicaId, model: spec.model, failure: why });
    this.#ask(failed, (peer, answer) =>
      peer.load(replicaId, spec, (result) =>
        answer(() => ("code" in result ? failed(result) : onEvent({ kind: "replicaLoaded", nodeId, replica: result }))),
      ),
    );
  }

  unload(replicaId: ReplicaId): void {
    this.#send((peer) => peer.unload(replicaId));
  }

  inspect({ nodeId, model, runKey }: EffectOf<"inspectModel">): void {
    const { inspect, onEvent } = this.#surroundings;
    const tell = (outcome: InspectionOutcome): void =>
      onEvent({ kind: "modelInspected", nodeId, model, runKey, outcome });
    const failed = (why: GenerationFailure): void => tell({ kind: "failed", failure: why });
    this.#ask(failed, (_, answer) => answer(() => tell(inspect(nodeId, model))));
  }

  pull({ nodeId, model, runKey, files, source, peers }: EffectOf<"pullModel">): void {
    const { onEvent, processAt } = this.#surroundings;
    const ended = (why: GenerationFailure | null): void =>
      onEvent({ kind: "pullEnded", nodeId, model, runKey, failure: why });
    this.#ask(ended, (peer, answer) => {
      const isThere = source !== "" || peers.some((address) => processAt(address) !== undefined);
      if (!isThere) answer(() => ended(failure("transfer_failed", true)));
      else this.#connection?.startedOverIt.add(peer.pull(runKey, files, (failed) => answer(() => ended(failed))));
    });
  }

  cancelPull(runKey: string): void {
    this.#send((peer) => peer.cancelPull(runKey));
  }

  start(attempt: Attempt): void {
    const { requestId, epoch } = attempt;
    const { onEvent, time } = this.#surroundings;
    const failed = (why: GenerationFailure): void => onEvent({ kind: "attemptFailed", requestId, epoch, failure: why });
    const peer = this.#connection?.peer;
    const call: OpenCall = { broke: failed, cancel: () => peer?.cancel(requestId, epoch) };
    if (!this.#open(call)) {
      time.after(0, () => failed(failure("node_lost", true)));
      return;
    }
    const key = `${requestId}/${epoch}`;
    this.#attempts.set(key, call);
    this.#connection?.startedOverIt.add(call.cancel);
    const over = (): void => {
      this.#calls.delete(call);
      this.#attempts.delete(key);
    };
    this.#send((node) => {
      const refusal = node.start(attempt, (frame) =>
        this.#answer(node, () => {
          if (frame.kind === "ending") over();
          // Frames that were on their way when the attempt was cancelled arrive all the same.
          onEvent({ kind: "frame", requestId, epoch, frame });
        }),
      );
      if (refusal === null) return;
      this.#answer(node, () => {
        over();
        failed(refusal);
      });
    });
  }

  cancel(requestId: RequestId, epoch: number): void {
    const call = this.#attempts.get(`${requestId}/${epoch}`);
    if (call === undefined) return;
    this.#calls.delete(call);
    this.#attempts.delete(`${requestId}/${epoch}`);
    this.#send(() => call.cancel());
  }

  /** One question and its one answer: that of the node, or that the link broke. */
  #ask(
    failed: (why: GenerationFailure) => void,
    put: (peer: SimulatedNode, answer: (tell: () => void) => void) => void,
  ): void {
    const call: OpenCall = { broke: failed, cancel: nothing };
    if (!this.#open(call)) {
      this.#surroundings.time.after(0, () => failed(failure("node_lost", true)));
      return;
    }
    this.#send((peer) =>
      put(peer, (tell) =>
        this.#answer(peer, () => {
          if (this.#calls.delete(call)) tell();
        }),
      ),
    );
  }

  #open(call: OpenCall): boolean {
    if (this.#connection === null) return false;
    this.#calls.add(call);
    return true;
  }

  #isReachable(peer: SimulatedNode): boolean {
    return !peer.isDead && !peer.isPaused && !this.#surroundings.conditions.cutOff.has(this.nodeId);
  }

  #connect(backoffMs: number): void {
    const { time, random, processAt } = this.#surroundings;
    time.after(backoffMs * random.between(0.75, 1.25), () => {
      if (this.#isClosed) return;
      const peer = processAt(this.address);
      if (peer === undefined || !this.#isReachable(peer)) {
        this.#connect(Math.min(backoffMs * 2, reconnectMaxMs));
        return;
      }
      const delayMs = (): number => this.#delayMs();
      const isCutOff = (): boolean => this.#surroundings.conditions.cutOff.has(this.nodeId);
      this.#connection = {
        peer,
        toNode: new Pipe(time, delayMs, () => isCutOff() || peer.isPaused || peer.isDead),
        fromNode: new Pipe(time, delayMs, isCutOff),
        startedOverIt: new Set(),
      };
      this.#silentForMs = 0;
      this.#watch(peer);
    });
  }

  /** The status stream: one at once, then one every heartbeat. */
  #watch(peer: SimulatedNode): void {
    const { time, onEvent } = this.#surroundings;
    const { nodeId, address } = this;
    const tell = (): boolean => {
      if (this.#connection?.peer !== peer || peer.isDead) return false;
      if (peer.isPaused || peer.isMute) return true;
      const status = peer.status();
      this.#answer(peer, () => {
        onEvent({ kind: "heartbeat", status, address });
        if (!this.#isWatched) onEvent({ kind: "linkUp", nodeId });
        this.#isWatched = true;
      });
      return true;
    };
    if (tell()) time.every(heartbeatMs, tell);
  }

  #keepAlive(): boolean {
    if (this.#isClosed) return false;
    const peer = this.#connection?.peer;
    if (peer === undefined) return true;
    // A killed process resets its connections, a machine without power does not: keepalive gives up what is silent.
    this.#silentForMs = this.#isReachable(peer) ? 0 : this.#silentForMs + 100;
    const isReset = peer.isDead && !this.#surroundings.conditions.withoutReset.has(this.nodeId);
    if (isReset || this.#silentForMs >= keepaliveMs) this.break();
    return true;
  }

  #send(deliver: (peer: SimulatedNode) => void): void {
    const connection = this.#connection;
    connection?.toNode.send(() => deliver(connection.peer));
  }

  /** On the connection that there is by then: frames of an attempt that was lost with an earlier one may still come. */
  #answer(peer: SimulatedNode, deliver: () => void): void {
    if (this.#connection?.peer === peer) this.#connection.fromNode.send(deliver);
  }

  #delayMs(): number {
    const { random, conditions } = this.#surroundings;
    return random.between(0.2, 2) + (conditions.addedDelayMs.get(this.nodeId) ?? 0);
  }

  #drop(): void {
    const calls = [...this.#calls];
    this.#calls.clear();
    this.#attempts.clear();
    if (this.#connection !== null) {
      const { startedOverIt } = this.#connection;
      for (const cancel of startedOverIt) this.#surroundings.time.after(this.#delayMs(), cancel);
      this.#connection.toNode.isOpen = false;
      this.#connection.fromNode.isOpen = false;
    }
    this.#connection = null;
    this.#isWatched = false;
    if (!this.#isClosed) for (const call of calls) call.broke(failure("node_lost", true));
  }
}

/** A node's heartbeats over NATS: late, twice, out of order or not at all. */
export function publishHeartbeats(node: SimulatedNode, surroundings: Surroundings): void {
  const { time, random, conditions, onEvent } = surroundings;
  const { nodeId, address } = node.machine;
  time.every(heartbeatMs, () => {
    if (node.isDead) return false;
    const isLost = conditions.cutOff.has(nodeId) || conditions.withoutNats.has(nodeId) || random.chance(0.02);
    if (node.isPaused || node.isMute || isLost) return true;
    const status = node.status();
    const copies = random.chance(0.05) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = random.chance(0.05) ? random.between(200, 1500) : random.between(0.5, 20);
      time.after(delayMs, () => onEvent({ kind: "heartbeat", status, address }));
    }
    return true;
  });
}
