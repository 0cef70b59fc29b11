// Which nodes have the files of a model, and how far the others are.
import type { Member__Output } from "@pomona/proto/generated/pomona/v1/Member";
import type { StoredFile__Output } from "@pomona/proto/generated/pomona/v1/StoredFile";
import type { DeploymentRecord } from "@pomona/shared/core/deployment";
import { type ModelFile, totalFileBytes } from "@pomona/shared/core/model-files";

export type ModelCopies = {
  /** Nodes that have a ready replica or all files, verified. */
  readonly nodeIds: readonly string[];
  /** As many shall have them, as far as there are nodes. */
  readonly wantedNodes: number;
  /** Of the copies that are wanted; 0 of 0 while nobody knows the files. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Why a file cannot be had, where trying again does not help. */
  readonly failure: string | null;
};

export function copiesOf({ spec, pinned }: DeploymentRecord, nodes: readonly Member__Output[]): ModelCopies {
  const files = pinned?.files ?? [];
  const living = nodes.filter(({ state }) => state === "MEMBER_STATE_ALIVE");
  const wantedNodes = Math.max(1, Math.min(spec.availability, living.length));
  const held = living.map((node) => heldOf(node, files, spec.model)).sort((a, b) => b.bytes - a.bytes);
  const nearest = held.slice(0, wantedNodes);
  return {
    nodeIds: held.filter(({ isWhole }) => isWhole).map(({ nodeId }) => nodeId),
    wantedNodes,
    doneBytes: nearest.reduce((sum, { bytes }) => sum + bytes, 0),
    totalBytes: totalFileBytes(files) * wantedNodes,
    failure: held.find(({ failure }) => failure !== null)?.failure ?? null,
  };
}

type Held = {
  readonly nodeId: string;
  readonly bytes: number;
  readonly isWhole: boolean;
  readonly failure: string | null;
};

function heldOf({ nodeId, status }: Member__Output, files: readonly ModelFile[], model: string): Held {
  const stored = files.map(({ digest }) => status?.files.find((file) => file.digest === digest));
  const isLoaded =
    status?.replicas.some((each) => each.model === model && each.state === "REPLICA_STATE_READY") ?? false;
  const isWhole = isLoaded || (files.length > 0 && stored.every((file) => file?.state === "verified"));
  const bytes = isWhole ? totalFileBytes(files) : stored.reduce((sum, file) => sum + (file?.heldBytes ?? 0), 0);
  return { nodeId, bytes, isWhole, failure: stored.map(failureOf).find((failure) => failure !== null) ?? null };
}

function failureOf(file: StoredFile__Output | undefined): string | null {
  if (file?.state !== "failed" || file.error === null || file.error.isRetryable) return null;
  return file.error.message;
}
