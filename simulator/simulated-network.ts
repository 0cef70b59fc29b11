// The links between a coordinator and its nodes: they keep order, and break.
import { noteRoundTrip } from "@pomona/coordinator/core/attach-patience";
import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import type { InspectionOutcome } from "@pomona/coordinator/core/model-sources";
import type { AttemptFrame, GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import { failure } from "./failure.ts";
import { Pipe } from "./pipe.ts";
import type { Random } from "./random.ts";
import type { Leave } from "./simulated-attempts.ts";
import { type OpenStream, SimulatedCalls, type StreamEvents } from "./simulated-calls.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Contract: keepalive every 400 ms, given up after another 400. */
const keepaliveMs = 800;
const heartbeatMs = 500;
/** A node notices by its own keepalive at the latest that a connection is gone. */
const noticedAfterMs = 1000;
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
  /** For how long the coordinator's process is stopped. */
  readonly pausedForMs: () => number;
};

/** One side of a conversation that ends with an error when the link breaks. */
type OpenCall = { readonly broke: (failure: GenerationFailure) => void };

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
  readonly calls: SimulatedCalls;
  /** Who waits for a connection that is dialled at once; null while none is. */
  #redialling: ((isConnected: boolean) => void)[] | null = null;
  #connection: Connection | null = null;
  #isClosed = false;
  #isWatched = false;
  #silentForMs = 0;
  #roundTripMs: number | null = null;

  constructor(nodeId: NodeId, address: string, surroundings: Surroundings) {
    this.nodeId = nodeId;
    this.address = address;
    this.#surroundings = surroundings;
    this.calls = new SimulatedCalls({
      onEvent: surroundings.onEvent,
      stream: (open, events) => this.#stream(open, events),
      send: (deliver) => this.#tell(deliver),
      redial: (done) => this.#redial(done),
      after: (ms, run) => this.#after(ms, run),
      nowMs: () => surroundings.time.nowMs,
      roundTripMs: () => this.#roundTripMs,
    });
    this.#connect(reconnectMinMs);
    surroundings.time.every(100, () => this.#keepAlive());
  }

  close(): void {
    this.#isClosed = true;
    this.calls.close();
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

  /** One question and its one answer: that of the node, or that the link broke. */
  #ask(
    failed: (why: GenerationFailure) => void,
    put: (peer: SimulatedNode, answer: (tell: () => void) => void) => void,
  ): void {
    const call: OpenCall = { broke: failed };
    if (this.#connection === null) {
      this.#surroundings.time.after(0, () => failed(failure("node_lost", true)));
      return;
    }
    this.#calls.add(call);
    this.#send((peer) =>
      put(peer, (tell) =>
        this.#answer(peer, () => {
          if (this.#calls.delete(call)) tell();
        }),
      ),
    );
  }

  #isReachable(peer: SimulatedNode): boolean {
    return !peer.isDead && !peer.isPaused && !this.#surroundings.conditions.cutOff.has(this.nodeId);
  }

  /** A timer of the coordinator's process. */
  #after(ms: number, run: () => void): void {
    const { time, pausedForMs } = this.#surroundings;
    time.after(ms, () => {
      const leftMs = pausedForMs();
      if (leftMs > 0) time.after(leftMs, run);
      else run();
    });
  }

  #stream(open: OpenStream, events: StreamEvents): () => void {
    const connection = this.#connection;
    const call: OpenCall = { broke: events.onFailure };
    if (connection === null) {
      this.#surroundings.time.after(0, () => events.onFailure(failure("node_lost", true)));
      return () => undefined;
    }
    this.#calls.add(call);
    let leave: Leave | null = null;
    let hasLeft = false;
    const leaveOnce: Leave = (hasEnding) => {
      if (!hasLeft) leave?.(hasEnding);
      hasLeft = true;
    };
    connection.startedOverIt.add(() => leaveOnce(false));
    const answer = (tell: () => void): void =>
      connection.fromNode.send(() => {
        if (this.#calls.has(call)) tell();
      });
    const sendFrame = (frame: AttemptFrame, isAlien = false): void =>
      answer(() => {
        if (frame.kind === "ending") {
          this.#calls.delete(call);
          connection.toNode.send(() => leaveOnce(true));
        }
        events.onFrame(frame, isAlien);
      });
    connection.toNode.send(() => {
      if (hasLeft) return;
      leave = open(connection.peer, {
        tell: (attempt) => answer(() => events.onAttempt(attempt)),
        send: (frame) => this.#sendDisturbed(connection.peer, frame, { sendFrame, late: events.onLateFrame }),
        fail: (why) =>
          answer(() => {
            this.#calls.delete(call);
            events.onFailure(why);
          }),
      });
    });
    return () => {
      this.#calls.delete(call);
      connection.toNode.send(() => leaveOnce(false));
    };
  }

  /** Planned faults change what a node sends. */
  #sendDisturbed(
    { surroundings: { planned, onFault } }: SimulatedNode,
    frame: AttemptFrame,
    { sendFrame, late }: { readonly sendFrame: StreamEvents["onFrame"]; readonly late: StreamEvents["onLateFrame"] },
  ): void {
    const strikes = (kind: "alienFrames" | "duplicateFrames" | "lateFrames"): boolean => {
      if (frame.kind !== "tokens" || planned[kind] === 0) return false;
      planned[kind] -= 1;
      onFault(kind);
      return true;
    };
    if (strikes("lateFrames")) {
      const { time, random } = this.#surroundings;
      time.after(random.between(100, 2000), () => late(frame));
      return;
    }
    sendFrame(frame, strikes("alienFrames"));
    if (strikes("duplicateFrames")) sendFrame(frame, false);
  }

  /** The first call that a broken connection fails dials for all. One that nobody answers is given up by who waits. */
  #redial(done: (isConnected: boolean) => void): void {
    if (this.#connection !== null) {
      done(true);
      return;
    }
    if (this.#redialling !== null) {
      this.#redialling.push(done);
      return;
    }
    const { time, processAt } = this.#surroundings;
    this.#redialling = [done];
    time.after(this.#delayMs(), () => {
      const waiting = this.#redialling ?? [];
      this.#redialling = null;
      if (this.#isClosed) return;
      const peer = processAt(this.address);
      if (peer !== undefined && !this.#isReachable(peer)) return;
      if (peer !== undefined && this.#connection === null) this.#open(peer);
      for (const tell of waiting) tell(peer !== undefined);
    });
  }

  #open(peer: SimulatedNode): void {
    const { time, conditions, pausedForMs } = this.#surroundings;
    const delayMs = (): number => this.#delayMs();
    const isCutOff = (): boolean => conditions.cutOff.has(this.nodeId);
    this.#connection = {
      peer,
      toNode: new Pipe(time, delayMs, () => isCutOff() || peer.isPaused || peer.isDead),
      fromNode: new Pipe(time, delayMs, () => isCutOff() || pausedForMs() > 0),
      startedOverIt: new Set(),
    };
    this.#silentForMs = 0;
  }

  /** Watches the node after a while, over the connection that calls have dialled meanwhile, or a new one. */
  #connect(backoffMs: number): void {
    const { random, processAt } = this.#surroundings;
    this.#after(backoffMs * random.between(0.75, 1.25), () => {
      if (this.#isClosed) return;
      const peer = this.#connection?.peer ?? processAt(this.address);
      if (peer === undefined || !this.#isReachable(peer)) {
        this.#connect(Math.min(backoffMs * 2, reconnectMaxMs));
        return;
      }
      if (this.#connection === null) this.#open(peer);
      this.#watch(peer);
    });
  }

  /** The status stream: one at once, then one every heartbeat. */
  #watch(peer: SimulatedNode): void {
    const { onEvent } = this.#surroundings;
    const { nodeId, address } = this;
    const connection = this.#connection;
    const askedAtMs = this.#surroundings.time.nowMs;
    const tell = (): void => {
      if (this.#connection !== connection) return;
      peer.after(heartbeatMs, tell);
      if (peer.isMute) return;
      const status = peer.status();
      this.#answer(peer, () => {
        onEvent({ kind: "heartbeat", status, address });
        if (!this.#isWatched) this.#noteAnswer(askedAtMs);
        if (!this.#isWatched) onEvent({ kind: "linkUp", nodeId });
        this.#isWatched = true;
      });
    };
    peer.after(0, tell);
  }

  #keepAlive(): boolean {
    if (this.#isClosed) return false;
    const peer = this.#connection?.peer;
    if (peer === undefined || this.#surroundings.pausedForMs() > 0) return true;
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

  /** What a node answers at once, so that it says how long the line is. */
  #tell(deliver: (peer: SimulatedNode) => void): void {
    const askedAtMs = this.#surroundings.time.nowMs;
    this.#send((peer) => {
      deliver(peer);
      this.#answer(peer, () => this.#noteAnswer(askedAtMs));
    });
  }

  #noteAnswer(askedAtMs: number): void {
    this.#roundTripMs = noteRoundTrip(this.#roundTripMs, this.#surroundings.time.nowMs - askedAtMs);
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
    if (this.#connection !== null) this.#leaveBehind(this.#connection);
    this.#connection = null;
    this.#isWatched = false;
    if (!this.#isClosed) for (const call of calls) call.broke(failure("node_lost", true));
  }

  /** What was sent may still arrive, after what goes over the next connection; then the node notices that it is over. */
  #leaveBehind({ peer, toNode, fromNode, startedOverIt }: Connection): void {
    const { time, random } = this.#surroundings;
    fromNode.isOpen = false;
    const notice = (): void => {
      toNode.isOpen = false;
      for (const leave of startedOverIt) leave();
      startedOverIt.clear();
    };
    if (random.chance(0.5)) toNode.isOpen = false;
    else toNode.send(notice);
    const isLate = random.chance(0.2);
    const afterMs = toNode.isOpen || isLate ? random.between(0, noticedAfterMs) : this.#delayMs();
    time.after(afterMs + peer.pausedForMs, notice);
  }
}
