// Desired state: what should run of a model, and what administrators want of a node.
import { defaultSlots } from "./defaults.ts";
import { defaultEngineOptions, type EngineOptions } from "./engine-options.ts";
import type { ModelName, NodeId } from "./ids.ts";
import type { PinnedSource } from "./model-files.ts";

/** What should run of one model. */
export type DeploymentSpec = {
  readonly model: ModelName;
  /** `builtin:tiny`, a path on the nodes, `https:`, or `hf:owner/repo[:quant]`. */
  readonly source: string;
  /** SHA-256 that its one file must have; null for any. */
  readonly digest: string | null;
  /** Requests that one replica answers at the same time. */
  readonly slots: number;
  /** Tokens per slot; null means the smaller of the trained context and 8,192. */
  readonly contextLength: number | null;
  readonly engine: EngineOptions;
  readonly replicas: ReplicaCount;
  /** Nodes that have a ready replica or a verified copy of the files. */
  readonly availability: number;
  /** Never evicted. */
  readonly isPinned: boolean;
  /** Replicas above the least leave after this time without a request. */
  readonly keepAliveMs: number;
  /** Where not all fit, the higher ones stay. */
  readonly priority: number;
  /** A node must have all of these. */
  readonly labels: readonly string[];
};

export type ReplicaCount = {
  /** Stay loaded whether anyone asks for them or not. */
  readonly min: number;
  /** null means one on every node where it fits. */
  readonly max: number | null;
};

/** A deployment as it is kept. */
export type DeploymentRecord = {
  readonly spec: DeploymentSpec;
  /** Changes with every edit; 0 for one that is not kept yet. */
  readonly revision: number;
  readonly createdAtMs: number;
  /** null until the source was looked up, and for files that are used where they lie. */
  readonly pinned: PinnedSource | null;
};

export const defaultKeepAliveMs = 30 * 60_000;

/** All but the name and the source. */
export const defaultDeployment: Omit<DeploymentSpec, "model" | "source"> = {
  digest: null,
  slots: defaultSlots,
  contextLength: null,
  engine: defaultEngineOptions,
  replicas: { min: 1, max: null },
  availability: 2,
  isPinned: false,
  keepAliveMs: defaultKeepAliveMs,
  priority: 0,
  labels: [],
};

/** What administrators want of a node. */
export type NodeSettings = {
  readonly labels: readonly string[];
  /** Nothing new is placed there; what is there goes on. */
  readonly isCordoned: boolean;
  /** Nothing is placed or sent there, and what is there leaves. */
  readonly isDraining: boolean;
  /** Memory that models leave free, beside what the node leaves free by itself. */
  readonly reservedBytes: number;
};

/** Settings as they are kept. */
export type NodeSettingsRecord = {
  readonly nodeId: NodeId;
  readonly settings: NodeSettings;
  /** Changes with every edit; 0 where nobody has set any. */
  readonly revision: number;
};

export const defaultNodeSettings: NodeSettings = { labels: [], isCordoned: false, isDraining: false, reservedBytes: 0 };

/** Labels are words, or names and values such as `room=office`. */
export function isNodeLabel(text: string): boolean {
  return /^[A-Za-z0-9][\w.\-/]{0,62}(=[\w.\-/]{0,63})?$/.test(text);
}
