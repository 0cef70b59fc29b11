// What the Node service needs of the node-agent. Types only, so that the service knows no loop.
import type { Attempt, AttemptFrame, PromptInput } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { NodeStatus, ReplicaSpec, ReplicaStatus } from "@pomona/shared/core/node-status";
import type { TokenizedPrompt } from "./engine/engine.ts";
import type { PullCall } from "./model-store/model-store.ts";
import type { ReadableFile } from "./model-store/readable-file.ts";
import type { InspectedModel } from "./model-store/sources/inspect-model.ts";

/** A running attempt that can be read from any token index. */
export type RunningAttemptLog = {
  readonly attempt: Attempt;
  readonly hasReaders: boolean;
  read(fromIndex: number, reader: (frame: AttemptFrame) => void): () => void;
};

export type NodePort = {
  readonly files: FilesPort;
  status(): NodeStatus;
  /** Takes no new work from now on, or takes it again. */
  setDraining(isDraining: boolean): void;
  replicas(): readonly ReplicaStatus[];
  load(replicaId: ReplicaId, spec: ReplicaSpec, signal: AbortSignal): Promise<ReplicaStatus>;
  unload(replicaId: ReplicaId): Promise<void>;
  startAttempt(attempt: Attempt): RunningAttemptLog;
  runningAttempt(requestId: RequestId, epoch: number): RunningAttemptLog;
  cancelAttempt(running: RunningAttemptLog): void;
  tokenize(replicaId: ReplicaId, input: PromptInput, signal: AbortSignal): Promise<TokenizedPrompt>;
  embed(
    replicaId: ReplicaId,
    inputs: readonly (readonly number[])[],
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]>;
  rank(replicaId: ReplicaId, call: RankCall, signal: AbortSignal): Promise<readonly number[]>;
};

export type RankCall = { readonly query: string; readonly documents: readonly string[] };

/** The node's model files. */
export type FilesPort = {
  inspect(source: string, digest: string, signal: AbortSignal): Promise<InspectedModel>;
  pull(call: PullCall): Promise<void>;
  openForSending(digest: string): Promise<ReadableFile>;
  /** Counts bytes that are sent, and resolves when they may go. */
  passSent(bytes: number, signal: AbortSignal): Promise<void>;
  doubt(digest: string): void;
  /** Refused while a replica uses the file. */
  remove(digest: string): Promise<void>;
};
