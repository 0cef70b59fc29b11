// What the Node service needs of the node-agent. Types only, so that the service knows no loop.
import type { Attempt, AttemptFrame, PromptInput } from "@pomona/shared/core/generation";
import type { ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { NodeStatus, ReplicaSpec, ReplicaStatus } from "@pomona/shared/core/node-status";
import type { TokenizedPrompt } from "./engine/engine.ts";

/** A running attempt that can be read from any token index. */
export type RunningAttemptLog = {
  readonly attempt: Attempt;
  readonly hasReaders: boolean;
  read(fromIndex: number, reader: (frame: AttemptFrame) => void): () => void;
};

export type NodePort = {
  status(): NodeStatus;
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
