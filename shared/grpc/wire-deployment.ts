// Desired state: wire format <-> values of shared/core/deployment. From the wire they validate and throw PomonaError
// `invalid_request` with the field.
import type { Deployment__Output, Deployment as DeploymentWire } from "@pomona/proto/generated/pomona/v1/Deployment";
import type {
  DeploymentRecord__Output,
  DeploymentRecord as DeploymentRecordWire,
} from "@pomona/proto/generated/pomona/v1/DeploymentRecord";
import type {
  NodeSettings__Output,
  NodeSettings as NodeSettingsWire,
} from "@pomona/proto/generated/pomona/v1/NodeSettings";
import type { NodeSettingsRecord__Output } from "@pomona/proto/generated/pomona/v1/NodeSettingsRecord";
import type {
  PinnedSource__Output,
  PinnedSource as PinnedSourceWire,
} from "@pomona/proto/generated/pomona/v1/PinnedSource";
import { pomona } from "@pomona/proto/load";
import {
  type DeploymentRecord,
  type DeploymentSpec,
  defaultDeployment,
  isNodeLabel,
  type NodeSettings,
  type NodeSettingsRecord,
  type ReplicaCount,
} from "../core/deployment.ts";
import { defaultEngineOptions } from "../core/engine-options.ts";
import { PomonaError } from "../core/errors.ts";
import type { PinnedSource } from "../core/model-files.ts";
import { modelSourceForms, parseModelSource } from "../core/model-source.ts";
import {
  checkCount,
  checkHexId,
  checkInteger,
  checkLength,
  checkModelName,
  checkPresent,
  checkText,
  fail,
} from "./wire-checks.ts";
import { checkSha256, modelFilesFromWire, modelFileToWire } from "./wire-files.ts";
import { engineOptionsFromWire, engineOptionsToWire } from "./wire-status.ts";

const slotsRange = { min: 1, max: 64 };
const contextRange = { min: 64, max: 1_048_576 };
/** As many as a pool has nodes. */
const nodesRange = { min: 1, max: 256 };
/** A second to a year. */
const keepAliveRange = { min: 1000, max: 366 * 86_400_000 };
const priorityRange = { min: -1_000_000, max: 1_000_000 };
const labelsMax = 32;
const sourceLengthMax = 4096;
const reasonLengthMax = 1024;

export function deploymentToWire(spec: DeploymentSpec): DeploymentWire {
  return {
    model: spec.model,
    source: spec.source,
    digest: spec.digest ?? "",
    slots: spec.slots,
    contextLength: spec.contextLength ?? 0,
    engine: engineOptionsToWire(spec.engine),
    minReplicas: spec.replicas.min,
    maxReplicas: spec.replicas.max ?? 0,
    availability: spec.availability,
    isPinned: spec.isPinned,
    keepAliveMs: spec.keepAliveMs,
    priority: spec.priority,
    labels: [...spec.labels],
  };
}

/** Unset (0 or empty) fields mean their defaults. */
export function deploymentFromWire(wire: Deployment__Output | null): DeploymentSpec {
  const field = "deployment";
  const deployment = checkPresent(field, wire);
  const { slots, contextLength, availability, keepAliveMs, priority } = deployment;
  const digest = deployment.digest === "" ? null : checkSha256(`${field}.digest`, deployment.digest);
  return {
    model: checkModelName(`${field}.model`, deployment.model),
    source: checkSource(`${field}.source`, deployment.source, digest),
    digest,
    slots: checkInteger(`${field}.slots`, slots || defaultDeployment.slots, slotsRange),
    contextLength: contextLength === 0 ? null : checkInteger(`${field}.context_length`, contextLength, contextRange),
    engine:
      deployment.engine === null ? defaultEngineOptions : engineOptionsFromWire(deployment.engine, `${field}.engine`),
    replicas: replicasFromWire(deployment),
    availability: checkInteger(`${field}.availability`, availability || defaultDeployment.availability, nodesRange),
    isPinned: deployment.isPinned,
    keepAliveMs: checkInteger(`${field}.keep_alive_ms`, keepAliveMs || defaultDeployment.keepAliveMs, keepAliveRange),
    priority: checkInteger(`${field}.priority`, priority, priorityRange),
    labels: checkLabels(`${field}.labels`, deployment.labels),
  };
}

function replicasFromWire({ minReplicas, _minReplicas, maxReplicas }: Deployment__Output): ReplicaCount {
  const wanted = _minReplicas === undefined ? defaultDeployment.replicas.min : (minReplicas ?? 0);
  const min = checkInteger("deployment.min_replicas", wanted, { ...nodesRange, min: 0 });
  if (maxReplicas === 0) return { min, max: null };
  const max = checkInteger("deployment.max_replicas", maxReplicas, nodesRange);
  return max < min ? fail("deployment.max_replicas", `must be at least min_replicas, ${min}`) : { min, max };
}

function checkSource(field: string, text: string, digest: string | null): string {
  const source = parseModelSource(checkText(field, text, sourceLengthMax));
  if (source === null) return fail(field, `must be ${modelSourceForms}, not ${JSON.stringify(text.slice(0, 200))}`);
  // Anyone between the pool and the server could send another file.
  if (source.kind === "https" && digest === null)
    fail("deployment.digest", "is missing: a file from https: is taken by its SHA-256 alone");
  return text;
}

function checkLabels(field: string, labels: readonly string[]): string[] {
  const rule = "must be a word, or a name and a value such as room=office";
  const checked = checkLength(field, labels, labelsMax).map((label) =>
    isNodeLabel(label) ? label : fail(field, rule),
  );
  return [...new Set(checked)];
}

export function deploymentRecordToWire({
  spec,
  revision,
  createdAtMs,
  pinned,
}: DeploymentRecord): DeploymentRecordWire {
  return {
    deployment: deploymentToWire(spec),
    revision,
    createdAtMs,
    pinned: pinned === null ? null : pinnedSourceToWire(pinned),
  };
}

export function deploymentRecordFromWire(wire: DeploymentRecord__Output): DeploymentRecord {
  return {
    spec: deploymentFromWire(wire.deployment),
    revision: checkCount("record.revision", wire.revision),
    createdAtMs: checkCount("record.created_at_ms", wire.createdAtMs),
    pinned: wire.pinned === null ? null : pinnedSourceFromWire(wire.pinned),
  };
}

function pinnedSourceToWire({ source, files, reason }: PinnedSource): PinnedSourceWire {
  return { source, files: files.map(modelFileToWire), reason };
}

function pinnedSourceFromWire({ source, files, reason }: PinnedSource__Output): PinnedSource {
  return {
    source: checkText("pinned.source", source, sourceLengthMax),
    files: modelFilesFromWire("pinned.files", files),
    reason: checkText("pinned.reason", reason, reasonLengthMax),
  };
}

export function nodeSettingsToWire({ labels, ...settings }: NodeSettings): NodeSettingsWire {
  return { ...settings, labels: [...labels] };
}

export function nodeSettingsFromWire(wire: NodeSettings__Output | null): NodeSettings {
  const { labels, isCordoned, isDraining, reservedBytes } = checkPresent("settings", wire);
  return {
    labels: checkLabels("settings.labels", labels),
    isCordoned,
    isDraining,
    reservedBytes: checkCount("settings.reserved_bytes", reservedBytes),
  };
}

/** What is kept of a deployment. Its revision is not part of it: the store tells that. */
export function encodeDeploymentRecord(record: DeploymentRecord): Uint8Array {
  return pomona.DeploymentRecord.serialize(deploymentRecordToWire({ ...record, revision: 0 }));
}

/** @throws PomonaError `invalid_request` for bytes that are no valid record. */
export function decodeDeploymentRecord(payload: Uint8Array, revision: number): DeploymentRecord {
  const wire = decode(payload, (bytes) => pomona.DeploymentRecord.deserialize(bytes));
  return { ...deploymentRecordFromWire(wire), revision };
}

/** What is kept of a node's settings. */
export function encodeNodeSettings({ nodeId, settings }: NodeSettingsRecord): Uint8Array {
  return pomona.NodeSettingsRecord.serialize({ nodeId, settings: nodeSettingsToWire(settings) });
}

/** @throws PomonaError `invalid_request` for bytes that are no valid record. */
export function decodeNodeSettings(payload: Uint8Array, revision: number): NodeSettingsRecord {
  const wire: NodeSettingsRecord__Output = decode(payload, (bytes) => pomona.NodeSettingsRecord.deserialize(bytes));
  return { nodeId: checkHexId("node_id", wire.nodeId), settings: nodeSettingsFromWire(wire.settings), revision };
}

function decode<Message>(payload: Uint8Array, deserialize: (bytes: Buffer) => Message): Message {
  try {
    return deserialize(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  } catch (error) {
    throw new PomonaError("invalid_request", "the payload is not the message that is kept here", { cause: error });
  }
}
