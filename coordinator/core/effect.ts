import type { QueueOutlook } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame, Ending } from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import type { Decision } from "./scheduler/decision.ts";
import type { MemberState } from "./state.ts";

/** What the loop has to do after a step, in this order. One executor each. */
export type Effect =
  /** Keep a gRPC link to this node, and watch its status. */
  | { readonly kind: "connectNode"; readonly nodeId: NodeId; readonly address: string }
  | { readonly kind: "disconnectNode"; readonly nodeId: NodeId }
  | {
      readonly kind: "loadReplica";
      readonly nodeId: NodeId;
      readonly replicaId: ReplicaId;
      readonly spec: ReplicaSpec;
    }
  | { readonly kind: "unloadReplica"; readonly nodeId: NodeId; readonly replicaId: ReplicaId }
  | {
      readonly kind: "startAttempt";
      readonly nodeId: NodeId;
      readonly attempt: Attempt;
      readonly queueMs: number;
      /** Why it goes there; null for one in quarantine, which takes the first replica that is empty. */
      readonly decision: Decision | null;
    }
  | {
      readonly kind: "cancelAttempt";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly epoch: number;
    }
  /** Pass tokens or prefill progress on to the client. */
  | {
      readonly kind: "deliver";
      readonly requestId: RequestId;
      readonly nodeId: NodeId;
      readonly frame: Exclude<AttemptFrame, { kind: "ending" }>;
    }
  /** The request still waits: tell its client where it stands. */
  | { readonly kind: "tellWaiting"; readonly requestId: RequestId; readonly outlook: QueueOutlook }
  /** The one ending of a request. Nothing comes for it afterwards. */
  | { readonly kind: "finish"; readonly requestId: RequestId; readonly nodeId: NodeId | null; readonly ending: Ending }
  /** Something that administrators want to know of. */
  | { readonly kind: "announce"; readonly announcement: Announcement };

export type Announcement =
  | {
      readonly kind: "memberChanged";
      readonly nodeId: NodeId;
      readonly from: MemberState | null;
      readonly to: MemberState;
    }
  | { readonly kind: "memberForgotten"; readonly nodeId: NodeId }
  /** A node says of its memory or speed what cannot be; it was cut to what can. */
  | { readonly kind: "oddReport"; readonly nodeId: NodeId; readonly what: string }
  | { readonly kind: "membersFull"; readonly nodeId: NodeId; readonly membersMax: number }
  | {
      readonly kind: "requestMoved";
      readonly requestId: RequestId;
      readonly model: string;
      readonly from: NodeId;
      readonly reason: string;
    }
  | {
      readonly kind: "loadFailed";
      readonly nodeId: NodeId;
      readonly model: string;
      readonly code: string;
      readonly message: string;
    };

export type EffectKind = Effect["kind"];
export type EffectOf<Kind extends EffectKind> = Extract<Effect, { kind: Kind }>;
