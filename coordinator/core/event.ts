import type { DeploymentRecord, NodeSettings } from "@pomona/shared/core/deployment";
import type { Attempt, AttemptFrame, Decoding, GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, RequestId, TenantId } from "@pomona/shared/core/ids";
import type { NodeStatus, ReplicaStatus } from "@pomona/shared/core/node-status";
import type { InspectionOutcome } from "./model-sources.ts";
import type { Priority } from "./scheduler/waiting-request.ts";

/** An admitted request as it enters the queue. */
export type NewRequest = {
  readonly requestId: RequestId;
  readonly model: ModelName;
  readonly promptTokenIds: readonly number[];
  /** Digest of the model that the prompt was tokenized with: only such replicas get it. Empty for any. */
  readonly promptDigest: string;
  readonly decoding: Decoding;
  /** Whose it is; empty without keys. */
  readonly tenant: TenantId;
  readonly priority: Priority;
  /** When its first token should come; null for what the scheduler's configuration says. */
  readonly firstTokenDeadlineMs: number | null;
  /** When it is ended, whatever came of it. */
  readonly deadlineMs: number;
};

/** All that can happen to the pool. Times come beside the event, as `nowMs`. */
export type ClusterEvent =
  | { readonly kind: "tick" }
  /** This process did not run for so long: its machine slept, or it was stopped. Comes before the tick that noticed it. */
  | { readonly kind: "wasAway"; readonly awayMs: number }
  /** Desired state, as it is kept now. */
  | { readonly kind: "deploymentSet"; readonly record: DeploymentRecord }
  | { readonly kind: "deploymentRemoved"; readonly model: ModelName }
  | {
      readonly kind: "nodeSettingsSet";
      readonly nodeId: NodeId;
      readonly settings: NodeSettings;
      readonly revision: number;
    }
  /** What a node says of a source. */
  | {
      readonly kind: "modelInspected";
      readonly nodeId: NodeId;
      readonly model: ModelName;
      readonly runKey: string;
      readonly outcome: InspectionOutcome;
    }
  /** The files of a model are all on a node and verified, or could not be brought there. */
  | {
      readonly kind: "pullEnded";
      readonly nodeId: NodeId;
      readonly model: ModelName;
      readonly runKey: string;
      readonly failure: GenerationFailure | null;
    }
  /** One request more, or less, waits for a model before it can be asked; 0 for one that does not wait. */
  | { readonly kind: "modelAwaited"; readonly model: ModelName; readonly change: 1 | 0 | -1 }
  /** A heartbeat, whichever way it came; `address` is where the node is reached. */
  | { readonly kind: "heartbeat"; readonly status: NodeStatus; readonly address: string }
  | { readonly kind: "linkUp"; readonly nodeId: NodeId }
  | { readonly kind: "linkDown"; readonly nodeId: NodeId }
  | { readonly kind: "nodeForgotten"; readonly nodeId: NodeId }
  | { readonly kind: "replicaLoaded"; readonly nodeId: NodeId; readonly replica: ReplicaStatus }
  | {
      readonly kind: "loadFailed";
      readonly nodeId: NodeId;
      readonly replicaId: ReplicaId;
      readonly model: ModelName;
      readonly failure: GenerationFailure;
    }
  | { readonly kind: "requestArrived"; readonly request: NewRequest }
  /** An attempt that another coordinator began is read here; its frames follow, from its first token on. */
  | {
      readonly kind: "attemptTakenUp";
      readonly nodeId: NodeId;
      readonly attempt: Attempt;
      readonly request: NewRequest;
    }
  /** A node has the state of an attempt. */
  | {
      readonly kind: "stateHeld";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly epoch: number;
      readonly bytes: number;
      readonly transferMs: number;
    }
  /** It has it no more, or could not get it; `failure` is null when it has kept it for as long as it may. */
  | {
      readonly kind: "stateGone";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly epoch: number;
      readonly failure: GenerationFailure | null;
    }
  /** The client went away. */
  | { readonly kind: "requestCancelled"; readonly requestId: RequestId }
  /** A stop string was found in the text: the answer is complete, the node need not go on. */
  | { readonly kind: "requestStopped"; readonly requestId: RequestId }
  | {
      readonly kind: "frame";
      readonly requestId: RequestId;
      readonly epoch: number;
      readonly frame: AttemptFrame;
    }
  /** The call to the node ended without an ending: refused, or the link broke. */
  | {
      readonly kind: "attemptFailed";
      readonly requestId: RequestId;
      readonly epoch: number;
      readonly failure: GenerationFailure;
    };
