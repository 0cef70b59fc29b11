// Everything that the coordinator knows and decides from. Only `step` changes it; everyone else reads.
import type { DeploymentRecord, NodeSettings } from "@pomona/shared/core/deployment";
import type { Decoding, GenerationFailure, Usage } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, ReplicaId, RequestId, TenantId } from "@pomona/shared/core/ids";
import type { ModelFile, ModelVariant, NamedFile, StoredFile } from "@pomona/shared/core/model-files";
import type { ModelSizing } from "@pomona/shared/core/model-sizing";
import type { NodeStatus, ReplicaStatus } from "@pomona/shared/core/node-status";
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { Ejection, Pace } from "./conduct.ts";
import type { CoreConfig } from "./core-config.ts";
import type { ModelDemand } from "./placement/demand.ts";
import type { EvictionReason } from "./placement/problem.ts";
import { defaultSchedulerConfig, SchedulerState } from "./scheduler/scheduler-state.ts";
import type { Checkpoint, Priority } from "./scheduler/waiting-request.ts";

/** Life of a member. Draining is a wish of the node itself and stands in its status. */
export type MemberState = "alive" | "suspect" | "dead";

/** A node that has shown a sign of life. */
export type Member = {
  readonly nodeId: NodeId;
  /** host:port where the coordinator reaches it. */
  address: string;
  state: MemberState;
  /** The newest status, by (incarnation, sequence). */
  status: NodeStatus;
  lastHeartbeatMs: number;
  /** Whether the gRPC link to it is up. Without it the node gets no work, whatever its heartbeats say. */
  isLinkUp: boolean;
  /** When the link was last lost, or the node first heard of without one. */
  linkDownAtMs: number;
  /** The load that is under way there; one at a time. */
  loading: Loading | null;
  /** The replica that was loaded last, while heartbeats may still be older than it. */
  justLoaded: { readonly replica: ReplicaStatus; readonly untilMs: number } | null;
  /** Files that were pulled last, while heartbeats may still be older than that. */
  justPulled: { readonly files: readonly StoredFile[]; readonly untilMs: number } | null;
  /** Replicas that get nothing new and go when they are idle. */
  readonly leaving: Map<ReplicaId, Leaving>;
  /** Replicas that leave when the one that was loaded elsewhere in their place is ready. */
  readonly moving: Set<ReplicaId>;
  /** What this node said of the sources of models. */
  readonly sources: Map<ModelName, SourceOnNode>;
  /** The files that are on their way to it; one model at a time. */
  pulling: Pulling | null;
  /** Pulls that failed, by model, for the back-off. */
  readonly pullFailures: Map<ModelName, PullFailure>;
  /** Failed loads and crashed replicas by model, for the back-off. */
  readonly loadFailures: Map<ModelName, LoadFailure>;
  /** Kinds of nonsense that this process of the node was seen to report. */
  readonly oddities: Set<string>;
  /** Since when its attempts are to go on elsewhere; null while they may stay. */
  emptyingSinceMs: number | null;
  /** What it does in a second by what it promises, while it generates: null without a recent stream. */
  pace: Pace;
  /** Tokens a second of one stream at its best, by replica, as it has measured. */
  readonly bestDecode: Map<ReplicaId, number>;
  /** null for one that has not disturbed in a while. */
  ejection: Ejection | null;
  /** Whether that lasts. */
  isEjected: boolean;
};

export type Loading = {
  readonly replicaId: ReplicaId;
  readonly model: ModelName;
  /** Of the deployment that it is loaded for. */
  readonly runKey: string;
  /** The replica elsewhere whose place it takes; null for none. */
  readonly insteadOf: ReplicaId | null;
  readonly memory: ReplicaMemory;
  readonly startedAtMs: number;
  /** When it is expected to be ready. */
  readonly readyAtMs: number;
};

export type Leaving = {
  readonly eviction: EvictionReason;
  readonly reason: string;
  /** When it was last asked to unload; null before the first time. */
  askedAtMs: number | null;
};

/** Of the way to run a model that `runKey` names. */
export type SourceOnNode = { readonly runKey: string } & (
  | { readonly kind: "asked"; readonly askedAtMs: number }
  /** The files lie there and are loaded where they are. */
  | { readonly kind: "inPlace" }
  /** The node can read what it is, and has to fetch it. */
  | { readonly kind: "elsewhere" }
  | { readonly kind: "failed"; readonly failure: GenerationFailure; readonly retryAtMs: number }
);

export type Pulling = {
  readonly model: ModelName;
  /** Of the deployment that the files are for. */
  readonly runKey: string;
  readonly startedAtMs: number;
  /** When it is expected to be done. */
  readonly readyAtMs: number;
  /** What had to come when it began. */
  readonly missingBytes: number;
  readonly files: readonly NamedFile[];
};

export type PullFailure = { readonly count: number; readonly retryAtMs: number; readonly failure: GenerationFailure };

export type LoadFailure = {
  readonly replicaId: ReplicaId;
  /** Failures and crashes in a row; a quiet time of `loadForgivenMs` starts a new row. */
  readonly count: number;
  /** Loads that failed since the last one that ended well. */
  readonly failedLoads: number;
  readonly failedAtMs: number;
  /** Infinity: never again for this incarnation. */
  readonly retryAtMs: number;
  readonly failure: GenerationFailure;
};

/** What should run of a model, and what is known of it. */
export type Deployment = {
  readonly model: ModelName;
  readonly record: DeploymentRecord;
  /** Names the way to run it: a replica that was loaded with another one is old. */
  readonly runKey: string;
  /** null until a node has looked at its files. */
  facts: ModelFacts | null;
  /** Why no node can ever load it; null while one may. */
  failure: GenerationFailure | null;
};

/** What nodes have found out about a model. */
export type ModelFacts = {
  /** Tokens per slot. */
  readonly contextLength: number;
  readonly sizing: ModelSizing;
  /** Of one replica, by what evaluates it. */
  readonly memory: Readonly<Record<"metal" | "cpu", ReplicaMemory>>;
  /** Digests are null while nobody has read the files. */
  readonly files: readonly ModelFile[];
};

/** Where a request is. Exactly one of these, and it is forgotten when it ends. */
export type RequestPlace =
  | { readonly kind: "queued" }
  | {
      readonly kind: "bound";
      readonly nodeId: NodeId;
      readonly replicaId: ReplicaId;
      readonly boundAtMs: number;
      /** False for one that had ended when it was taken up: it is only read. */
      readonly holdsSlot: boolean;
      /** Whether its node tells tokens again that were passed on from an earlier attempt. */
      isRetold: boolean;
      /** As the node will choose it, until it says so. */
      slot: number | null;
      /** Tokens that are to be evaluated before the next one comes. */
      prefillLeft: number;
      /** When it last sent anything. */
      lastFrameAtMs: number;
      /** Tokens that earlier attempts had emitted. */
      readonly tokensBefore: number;
      /** Emitted tokens when its pace was last looked at. */
      reviewedTokens: number;
    };

/** A request that was admitted: all that another node needs to go on with it. */
export type RequestRecord = {
  readonly requestId: RequestId;
  readonly model: ModelName;
  readonly promptTokenIds: readonly number[];
  /** Digest of the model that the prompt was tokenized with; empty for any. */
  readonly promptDigest: string;
  readonly decoding: Decoding;
  readonly tenant: TenantId;
  readonly priority: Priority;
  /** Names of the prompt's beginnings. */
  readonly prefixHashes: readonly number[];
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
  /** When its first token should come: orders the queue. */
  readonly dueMs: number;
  /** When it is given up if it never had a slot; infinite for batch work. */
  readonly lateMs: number;
  /** Whether a node has ever taken it. */
  wasAccepted: boolean;
  /** Prompt tokens that nodes have evaluated, those of lost attempts not counted. */
  evaluatedTokens: number;
  /** Service that its tenant was charged for. */
  charged: number;
  /** Order of arrival: a requeued request goes back to its old place. */
  readonly order: number;
  place: RequestPlace;
  /** Counts the attempts; frames of another epoch are dropped. */
  epoch: number;
  /** Tokens passed on so far, whatever the attempt. */
  readonly emittedTokenIds: number[];
  /** How the prompt came into the slot of the first attempt that evaluated all of it. */
  promptChunkLengths: number[];
  /** Whether `promptChunkLengths` is complete: the first token came. */
  hasChunks: boolean;
  cachedPromptTokens: number;
  /** Tokens of the prompt whose log-probabilities were passed on, whichever attempt told them. */
  loggedPromptTokens: number;
  /** How often a running attempt was lost. */
  moves: number;
  /** When it last made way for others. */
  preemptedAtMs: number;
  /** Of the attempt that `epoch` names, at a peer or on its way there. */
  checkpoint: (Checkpoint & { readonly epoch: number }) | null;
  /** The attempt for which a checkpoint was thought of last. */
  checkpointEpoch: number;
  /** What its first tokens came from: an equal engine goes on exactly. null before them. */
  engine: string | null;
  /** Deaths of engines that it is suspected of, until it has emitted `harmlessAtTokens`. */
  engineCrashes: number;
  harmlessAtTokens: number;
  deathsSeen: number;
  /** Sum of the times spent in the queue. */
  queueMs: number;
  queuedAtMs: number;
  prefillMs: number;
  decodeMs: number;
};

export type OfferedVariants = {
  readonly source: string;
  /** With the revision, without a variant. */
  readonly pinnedSource: string;
  readonly variants: readonly ModelVariant[];
};

/** Requests that wait for a model before they can be queued. */
export type Awaited = { readonly count: number; readonly sinceMs: number };

/** How a replica was used; milliseconds. */
export type ReplicaUse = {
  readonly readyAtMs: number;
  /** When it last ran anything; when it was ready, before the first time. */
  lastBusyMs: number;
  /** The same; 0 before the first time. */
  lastUseMs: number;
};

export type ClusterState = {
  readonly members: Map<NodeId, Member>;
  /** What administrators want of nodes, members or not. */
  readonly nodeSettings: Map<NodeId, { readonly settings: NodeSettings; readonly revision: number }>;
  readonly deployments: Map<ModelName, Deployment>;
  readonly requests: Map<RequestId, RequestRecord>;
  /** Waiting requests by order of arrival. */
  readonly queue: RequestRecord[];
  readonly awaited: Map<ModelName, Awaited>;
  readonly demand: Map<ModelName, ModelDemand>;
  readonly replicaUse: Map<ReplicaId, ReplicaUse>;
  /** When a node was first heard of; null before that. */
  firstHeardMs: number | null;
  /** When placement was last decided. */
  reconciledAtMs: number;
  /** Since when requests of a model have been waiting too long. */
  readonly pressedSinceMs: Map<ModelName, number>;
  /** What sources offer that leave the variant open, the smallest first. */
  readonly variants: Map<ModelName, OfferedVariants>;
  /** What transfers of files between nodes, or from their sources, have reached; null before the first. */
  transferBytesPerSecond: number | null;
  /** When the pressure was last looked at. */
  pressureReadAtMs: number;
  readonly scheduler: SchedulerState;
  /** Attempts that hold a slot of each replica, by the coordinator's own accounting. */
  readonly boundByReplica: Map<ReplicaId, Set<RequestId>>;
  /** Replicas that refused or lost an attempt get none until then, so that one fault does not eat all moves. */
  readonly avoidUntilMs: Map<ReplicaId, number>;
  /** When an attempt was taken off a replica. Heartbeats from before then still name it, and are not believed. */
  readonly releasedAtMs: Map<ReplicaId, Map<RequestId, number>>;
  /** Requests that ended a moment ago. */
  readonly endedAtMs: Map<RequestId, number>;
  /** Prompts that killed engines, by their hash, and until when they are refused. */
  readonly poison: Map<number, number>;
  /** Which attempts of another coordinator were asked for, or told to end, last. */
  readonly orphansHandled: Map<RequestId, { readonly nodeId: NodeId; readonly epoch: number; readonly atMs: number }>;
  arrivals: number;
  /** Names new replicas together with the coordinator's start. */
  replicasNamed: number;
  /** Heartbeats with figures that cannot be; frames of an old epoch, of unknown requests, or that broke the order of indices. */
  readonly dropped: { oldEpoch: number; unknownRequest: number; brokenOrder: number; oddReports: number };
};

export function emptyState(tenantsMax = defaultSchedulerConfig.tenantsMax): ClusterState {
  return {
    members: new Map(),
    deployments: new Map(),
    requests: new Map(),
    queue: [],
    nodeSettings: new Map(),
    awaited: new Map(),
    demand: new Map(),
    replicaUse: new Map(),
    firstHeardMs: null,
    reconciledAtMs: Number.NEGATIVE_INFINITY,
    pressedSinceMs: new Map(),
    transferBytesPerSecond: null,
    variants: new Map(),
    pressureReadAtMs: Number.NEGATIVE_INFINITY,
    scheduler: new SchedulerState(tenantsMax),
    boundByReplica: new Map(),
    avoidUntilMs: new Map(),
    releasedAtMs: new Map(),
    endedAtMs: new Map(),
    poison: new Map(),
    orphansHandled: new Map(),
    arrivals: 0,
    replicasNamed: 0,
    dropped: { oldEpoch: 0, unknownRequest: 0, brokenOrder: 0, oddReports: 0 },
  };
}

/** Tokens of a request as its client will be told them. */
export function usageOf(record: RequestRecord): Usage {
  return {
    promptTokens: record.promptTokenIds.length,
    cachedPromptTokens: record.cachedPromptTokens,
    generatedTokens: record.emittedTokenIds.length,
  };
}

/** What a decision is given beside its subject. `nowMs` is monotonic and never goes back. */
export type StepContext = { readonly state: ClusterState; readonly nowMs: number; readonly config: CoreConfig };
