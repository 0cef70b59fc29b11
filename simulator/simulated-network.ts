// The links between a coordinator and its nodes: they keep order, and break.
import { noteRoundTrip } from "@pomona/coordinator/core/attach-patience";
import type { EffectOf } from "@pomona/coordinator/core/effect";
import type { InspectionOutcome } from "@pomona/coordinator/core/model-sources";
import type { AttemptFrame, GenerationFailure } from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import { sendDisturbed } from "./disturbed-frames.ts";
import { failure } from "./failure.ts";
import type { LinkSurroundings } from "./network-conditions.ts";
import { Pipe } from "./pipe.ts";
import type { Leave } from "./simulated-attempts.ts";
import { type OpenStream, SimulatedCalls, type StreamEvents } from "./simulated-calls.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** Contract: keepalive every 400 ms, given up after another 400. */
const pingTimeoutMs = 400;
const keepaliveMs = 400 + pingTimeoutMs;
const lookMs = 100;
const heartbeatMs = 500;
/** A node notices by its own keepalive at the latest that a connection is gone: two seconds, and two more. */
const noticedAfterMs = 4000;
const reconnectMinMs = 200;
const reconnectMaxMs = 2000;

/** One side of a conversation that ends with an error when the link breaks. */
type OpenCall = { readonly broke: (failure: GenerationFailure) => void };

type Connection = {
  readonly peer: SimulatedNode;
  readonly toNode: Pipe;
  readonly fromNode: Pipe;
  /** What the node ends when it sees the connection break. */
  readonly startedOverIt: Set<() => void>;
  /** How long the node has not heard of the coordinator. */
  unheardForMs: number;
};

/** The coordinator's link to one address: what `coordinator/grpc/node-links.ts` does, on virtual time. */
export class SimulatedLink {
  readonly nodeId: NodeId;
  readonly address: string;
  readonly #surroundings: LinkSurroundings;
  readonly #calls = new Set<OpenCall>();
  readonly calls: SimulatedCalls;
  /** Who waits for a connection that is dialled at once; null while none is. */
  #redialling: ((isConnected: boolean) => void)[] | null = null;
  #connection: Connection | null = null;
  #isClosed = false;
  #isWatched = false;
  #silentForMs = 0;
  #roundTripMs: number | null = null;

  constructor(nodeId: NodeId, address: string, surroundings: LinkSurroundings) {
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
    surroundings.time.every(lookMs, () => this.#keepAlive());
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
    return !peer.isDead && !peer.isPaused && !this.#isCutOff();
  }

  #isCutOff(): boolean {
    const { conditions, isCutOff } = this.#surroundings;
    return conditions.cutOff.has(this.nodeId) || isCutOff();
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
      const refused = this.#refusal(connection.peer);
      if (refused !== null) {
        answer(() => {
          this.#calls.delete(call);
          refused();
          events.onFailure(failure("superseded", true));
        });
        return;
      }
      leave = open(connection.peer, {
        tell: (attempt) => answer(() => events.onAttempt(attempt)),
        send: (frame) => sendDisturbed(connection.peer, frame, { sendFrame, onLate: events.onLateFrame }),
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
    const { time, pausedForMs } = this.#surroundings;
    const delayMs = (): number => this.#delayMs();
    this.#connection = {
      peer,
      toNode: new Pipe(time, delayMs, () => this.#isCutOff() || peer.isPaused || peer.isDead),
      fromNode: new Pipe(time, delayMs, () => this.#isCutOff() || pausedForMs() > 0),
      startedOverIt: new Set(),
      unheardForMs: 0,
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
    peer.after(0, () => {
      const refused = this.#refusal(peer);
      if (refused === null) tell();
      else this.#answer(peer, refused);
    });
  }

  #keepAlive(): boolean {
    if (this.#isClosed) return false;
    const connection = this.#connection;
    if (connection === null) return true;
    const { peer } = connection;
    const isPaused = this.#surroundings.pausedForMs() > 0;
    if (this.#isGivenUpByNode(connection, isPaused) || isPaused) return true;
    // A killed process resets its connections, a machine without power does not: keepalive gives up what is silent.
    const isAnswered = this.#isReachable(peer) && 2 * this.#addedDelayMs() < pingTimeoutMs;
    this.#silentForMs = isAnswered ? 0 : this.#silentForMs + lookMs;
    const isReset = peer.isDead && !this.#surroundings.conditions.withoutReset.has(this.nodeId);
    if (isReset || this.#silentForMs >= keepaliveMs) this.break();
    return true;
  }

  /** The node looks too: a coordinator that says nothing for long has gone, as far as it knows. */
  #isGivenUpByNode(connection: Connection, isPaused: boolean): boolean {
    const { peer, startedOverIt } = connection;
    if (peer.isDead || peer.isPaused) return false;
    connection.unheardForMs = isPaused || this.#isCutOff() ? connection.unheardForMs + lookMs : 0;
    if (connection.unheardForMs < noticedAfterMs) return false;
    leaveAll(startedOverIt);
    // It says so as soon as it is heard.
    this.#after(0, () => {
      if (this.#connection === connection) this.break();
    });
    return true;
  }

  #send(deliver: (peer: SimulatedNode) => void): void {
    const connection = this.#connection;
    connection?.toNode.send(() => {
      const refused = this.#refusal(connection.peer);
      if (refused === null) deliver(connection.peer);
      else connection.fromNode.send(refused);
    });
  }

  /** A node refuses the calls of a coordinator that another one has followed: what tells it so, or null. */
  #refusal(peer: SimulatedNode): (() => void) | null {
    const { term, onSuperseded } = this.#surroundings;
    const [own, highest] = [term(), peer.noteTerm(term())];
    return highest > own ? () => onSuperseded(highest) : null;
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
    return this.#surroundings.random.between(0.2, 2) + this.#addedDelayMs();
  }

  #addedDelayMs(): number {
    return this.#surroundings.conditions.addedDelayMs.get(this.nodeId) ?? 0;
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
      leaveAll(startedOverIt);
    };
    if (random.chance(0.5)) toNode.isOpen = false;
    else toNode.send(notice);
    const isLate = random.chance(0.2);
    const afterMs = toNode.isOpen || isLate ? random.between(0, noticedAfterMs) : this.#delayMs();
    time.after(afterMs + peer.pausedForMs, notice);
  }
}

function leaveAll(startedOverIt: Set<() => void>): void {
  for (const leave of startedOverIt) leave();
  startedOverIt.clear();
}
