import type { NodeSettings } from "@pomona/shared/core/deployment";
import type { QueueOutlook } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame, Ending } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, RequestId } from "@pomona/shared/core/ids";
import type { NamedFile, PinnedSource } from "@pomona/shared/core/model-files";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import type { EjectionReason } from "./conduct.ts";
import type { EvictionReason } from "./placement/problem.ts";
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
  /** Ask a node what a source is. */
  | {
      readonly kind: "inspectModel";
      readonly nodeId: NodeId;
      readonly model: ModelName;
      readonly source: string;
      readonly digest: string | null;
      /** What a path was found to be. */
      readonly known: readonly NamedFile[];
      readonly runKey: string;
    }
  /** Bring files to a node: from the peers that hold them, else from their source. */
  | {
      readonly kind: "pullModel";
      readonly nodeId: NodeId;
      readonly model: ModelName;
      readonly runKey: string;
      readonly files: readonly NamedFile[];
      /** Empty for nowhere else. */
      readonly source: string;
      /** host:port of Node services. */
      readonly peers: readonly string[];
    }
  | { readonly kind: "cancelPull"; readonly nodeId: NodeId; readonly model: ModelName; readonly runKey: string }
  /** Keep what a source was found to be, unless the deployment was edited since. */
  | { readonly kind: "pinModel"; readonly model: ModelName; readonly revision: number; readonly pinned: PinnedSource }
  | {
      readonly kind: "startAttempt";
      readonly nodeId: NodeId;
      readonly attempt: Attempt;
      readonly queueMs: number;
      /** Why it goes there; null for one in quarantine, which takes the first replica that is empty. */
      readonly decision: Decision | null;
      /** Whether an engine that is equal to the one before goes on, if there was one. */
      readonly isExact: boolean;
    }
  | {
      readonly kind: "cancelAttempt";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly epoch: number;
    }
  /** Have a node that is reached again end every attempt that is not named. */
  | {
      readonly kind: "keepAttempts";
      readonly nodeId: NodeId;
      readonly live: readonly { readonly requestId: RequestId; readonly epoch: number }[];
    }
  /** Go on with an attempt that another coordinator began, or this one before its restart. */
  | {
      readonly kind: "takeUpAttempt";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly epoch: number;
    }
  /** Have a node fetch the state of an attempt from the one where it runs, and hold it. */
  | {
      readonly kind: "holdState";
      readonly nodeId: NodeId;
      readonly replicaId: ReplicaId;
      readonly requestId: RequestId;
      readonly epoch: number;
      /** host:port of the Node service where it runs. */
      readonly peer: string;
      readonly timeoutMs: number;
    }
  | { readonly kind: "dropState"; readonly nodeId: NodeId; readonly requestId: RequestId; readonly epoch: number }
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
  /** A peer has the state of a request: it goes on there without its prompt being evaluated again. */
  | {
      readonly kind: "checkpointHeld";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly model: string;
      readonly bytes: number;
      readonly transferMs: number;
    }
  | {
      readonly kind: "checkpointLost";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly model: string;
      readonly reason: string;
    }
  /** What another coordinator began goes on here. */
  | { readonly kind: "requestTakenUp"; readonly nodeId: NodeId; readonly requestId: RequestId; readonly model: string }
  /** An engine that is not equal to the one before goes on: its tokens may differ from what that one would have said. */
  | {
      readonly kind: "resumedUnequal";
      readonly nodeId: NodeId;
      readonly requestId: RequestId;
      readonly from: string;
      readonly to: string;
    }
  /** It gets no work for so long, because of what it did with the work that it had. */
  | { readonly kind: "nodeEjected"; readonly nodeId: NodeId; readonly reason: EjectionReason; readonly forMs: number }
  | {
      readonly kind: "loadFailed";
      readonly nodeId: NodeId;
      readonly model: string;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: "deploymentChanged"; readonly model: string; readonly revision: number }
  | { readonly kind: "deploymentRemoved"; readonly model: string }
  | { readonly kind: "nodeSettingsChanged"; readonly nodeId: NodeId; readonly settings: NodeSettings }
  | { readonly kind: "variantChosen"; readonly model: string; readonly reason: string }
  | { readonly kind: "loadStarted"; readonly nodeId: NodeId; readonly model: string; readonly reason: string }
  | { readonly kind: "replicaReady"; readonly nodeId: NodeId; readonly model: string; readonly loadMs: number }
  /** It gets no new requests, and is unloaded when it is idle. */
  | {
      readonly kind: "replicaRetired";
      readonly nodeId: NodeId;
      readonly model: string;
      readonly eviction: EvictionReason;
      readonly reason: string;
    }
  | { readonly kind: "pullStarted"; readonly nodeId: NodeId; readonly model: string; readonly reason: string }
  | { readonly kind: "pullEnded"; readonly nodeId: NodeId; readonly model: string; readonly failure: string | null };

export type EffectKind = Effect["kind"];
export type EffectOf<Kind extends EffectKind> = Extract<Effect, { kind: Kind }>;
