// What the Node service needs of the node-agent. Types only, so that the service knows no loop.
import type { Attempt, AttemptFrame, PromptInput } from "@pomona/shared/core/generation";
import type { ReplicaId } from "@pomona/shared/core/ids";
import type { NodeStatus, ReplicaSpec, ReplicaStatus, RunningAttempt } from "@pomona/shared/core/node-status";
import type { StateHeader } from "@pomona/shared/grpc/wire-states";
import type { AttemptId } from "./core/held-attempts.ts";
import type { Ranking, TokenizedPrompt, TokenizeInput } from "./engine/engine.ts";
import type { InspectStored, PullCall } from "./model-store/model-store.ts";
import type { ReadableFile } from "./model-store/readable-file.ts";
import type { InspectedModel } from "./model-store/sources/inspect-model.ts";

/** Reads one attempt. Whoever has one calls `leave` once. */
export type AttemptReader = {
  readonly attempt: Attempt;
  /** The next frame; null when there is none yet. @throws PomonaError `not_found` when the attempt was dropped. */
  next(): AttemptFrame | null;
  /** Resolves when there may be one, or the signal of the call has aborted. */
  wait(): Promise<void>;
  /** `hasEnding` when the ending is known to have reached a coordinator: nobody else needs the attempt then. */
  leave(hasEnding: boolean): void;
};

/** See core/held-attempts.ts for what is kept how long. */
export type AttemptsPort = {
  /**
   * Starts an attempt, once an older one of its request has left its slot.
   * @throws PomonaError `slots_full`, `not_found`, `failed_precondition` when the request is here with this or a later
   * epoch, ...
   */
  start(attempt: Attempt, signal: AbortSignal): Promise<AttemptReader>;
  /** Reads one from a token index on. @throws PomonaError `not_found`. */
  attach(id: AttemptId, fromIndex: number, signal: AbortSignal): AttemptReader;
  /** Does nothing when it is not here. */
  cancel(id: AttemptId): void;
  /** Ends all that are not named. Returns those that are and can be attached. */
  keep(live: readonly AttemptId[]): readonly RunningAttempt[];
};

export type HoldCall = AttemptId & {
  /** The one that would go on with it. */
  readonly replicaId: ReplicaId;
  /** host:port of the node where it runs. */
  readonly peer: string;
  readonly timeoutMs: number;
};

export type HeldState = { readonly bytes: number; readonly transferMs: number };

/** What a node sends of a state. Whoever has one calls `close` once, which takes its file away. */
export type SentState = {
  readonly header: StateHeader;
  /** The next bytes, as soon as they may go; 0 at the end. */
  read(buffer: Buffer, signal: AbortSignal): Promise<number>;
  /** Of what was read. */
  crc32(): number;
  close(): Promise<void>;
};

/** States of requests that run on one node and may go on at another. */
export type StatesPort = {
  /**
   * Fetches one, calls back when it is here, and keeps it until the signal aborts, the replica goes, or ten minutes are
   * over. @throws PomonaError `not_found`, `failed_precondition`, `transfer_failed`, `deadline_exceeded`, `node_lost`.
   */
  hold(call: HoldCall, signal: AbortSignal, onHeld: (held: HeldState) => void): Promise<void>;
  /** Saves that of an attempt that runs here. @throws PomonaError `not_found`, `failed_precondition`, `slots_full`. */
  send(id: AttemptId): Promise<SentState>;
};

export type NodePort = {
  readonly files: FilesPort;
  readonly attempts: AttemptsPort;
  status(): NodeStatus;
  /** Takes no new work from now on, or takes it again. */
  setDraining(isDraining: boolean): void;
  replicas(): readonly ReplicaStatus[];
  load(replicaId: ReplicaId, spec: ReplicaSpec, signal: AbortSignal): Promise<ReplicaStatus>;
  unload(replicaId: ReplicaId): Promise<void>;
  tokenize(replicaId: ReplicaId, input: PromptInput, signal: AbortSignal): Promise<TokenizedPrompt>;
  embed(replicaId: ReplicaId, inputs: readonly EmbedInput[], signal: AbortSignal): Promise<readonly Embedded[]>;
  rank(replicaId: ReplicaId, call: RankCall, signal: AbortSignal): Promise<Ranking>;
};

export type EmbedInput = Extract<TokenizeInput, { kind: "tokens" | "plainText" }>;

export type Embedded = {
  /** Of length 1. */
  readonly vector: Float32Array;
  /** Of the input. */
  readonly tokens: number;
};

export type RankCall = { readonly query: string; readonly documents: readonly string[] };

/** The node's model files. */
export type FilesPort = {
  inspect(call: InspectStored): Promise<InspectedModel>;
  pull(call: PullCall): Promise<void>;
  openForSending(digest: string): Promise<ReadableFile>;
  /** Counts bytes that are sent, and resolves when they may go. */
  passSent(bytes: number, signal: AbortSignal): Promise<void>;
  doubt(digest: string): void;
  /** Refused while a replica uses the file. */
  remove(digest: string): Promise<void>;
};
