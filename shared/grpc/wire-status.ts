// Node statuses and replicas: wire format <-> values of shared/core/node-status. From the wire they validate and throw
// PomonaError `invalid_request` with the field.
import type {
  EngineOptions__Output,
  EngineOptions as WireEngineOptions,
} from "@pomona/proto/generated/pomona/v1/EngineOptions";
import type { HeldPrefix__Output as WireHeldPrefix__Output } from "@pomona/proto/generated/pomona/v1/HeldPrefix";
import type {
  NodeCapacity__Output,
  NodeCapacity as NodeCapacityWire,
} from "@pomona/proto/generated/pomona/v1/NodeCapacity";
import type { NodeState as WireNodeState } from "@pomona/proto/generated/pomona/v1/NodeState";
import type { NodeStatus__Output, NodeStatus as WireNodeStatus } from "@pomona/proto/generated/pomona/v1/NodeStatus";
import type { PowerSource } from "@pomona/proto/generated/pomona/v1/PowerSource";
import type { ReplicaMemory__Output } from "@pomona/proto/generated/pomona/v1/ReplicaMemory";
import type {
  ReplicaSpec__Output,
  ReplicaSpec as WireReplicaSpec,
} from "@pomona/proto/generated/pomona/v1/ReplicaSpec";
import type { ReplicaState as WireReplicaState } from "@pomona/proto/generated/pomona/v1/ReplicaState";
import type {
  ReplicaStatus__Output,
  ReplicaStatus as WireReplicaStatus,
} from "@pomona/proto/generated/pomona/v1/ReplicaStatus";
import type {
  RunningAttempt__Output,
  RunningAttempt as WireRunningAttempt,
} from "@pomona/proto/generated/pomona/v1/RunningAttempt";
import type { StoredFile__Output, StoredFile as StoredFileWire } from "@pomona/proto/generated/pomona/v1/StoredFile";
import type { ThermalState as WireThermalState } from "@pomona/proto/generated/pomona/v1/ThermalState";
import { pomona } from "@pomona/proto/load";
import { defaultEngineOptions, type EngineOptions, kvTypes } from "../core/engine-options.ts";
import { PomonaError } from "../core/errors.ts";
import type { StoredFile, StoredFileState } from "../core/model-files.ts";
import type {
  HeldPrefix,
  MemoryPressure,
  NodeCapacity,
  NodeStatus,
  OwnerState,
  PowerStatus,
  ReplicaSpec,
  ReplicaState,
  ReplicaStatus,
  RunningAttempt,
  ThermalState,
} from "../core/node-status.ts";
import type { ReplicaMemory } from "../core/replica-memory.ts";
import { failureFromWire, failureToWire } from "./wire.ts";
import {
  checkCount,
  checkEnum,
  checkHexId,
  checkInteger,
  checkLength,
  checkModelName,
  checkNumber,
  checkPresent,
  checkReplicaId,
  checkText,
  fail,
} from "./wire-checks.ts";
import { checkSha256, modelFilesFromWire, modelFileToWire } from "./wire-files.ts";
import { peerLinesFromWire } from "./wire-states.ts";

const replicasMax = 256;
const slotsMax = 1024;
const contextLengthMax = 1 << 24;
const batchSizeRange = { min: 64, max: 2048 };
const heldMax = 256;
const lorasMax = 16;
const hashesMax = 1024;
const places: readonly HeldPrefix["place"][] = ["slot", "ram", "disk"];
const storedFilesMax = 1024;
const endedAttemptsMax = 1024;
const revisionLengthMax = 64;
const kvTypeRule = `must be one of ${kvTypes.join(", ")}`;

const nodeStates = { serving: "NODE_STATE_SERVING", draining: "NODE_STATE_DRAINING" } as const;
const thermalStates: Readonly<Record<ThermalState, WireThermalState & string>> = {
  unknown: "THERMAL_STATE_UNSPECIFIED",
  nominal: "THERMAL_STATE_NOMINAL",
  fair: "THERMAL_STATE_FAIR",
  serious: "THERMAL_STATE_SERIOUS",
  critical: "THERMAL_STATE_CRITICAL",
};
const powerSources: Readonly<Record<PowerStatus["source"], PowerSource & string>> = {
  unknown: "POWER_SOURCE_UNSPECIFIED",
  mains: "POWER_SOURCE_MAINS",
  battery: "POWER_SOURCE_BATTERY",
};
const replicaStates: Readonly<Record<ReplicaState, WireReplicaState & string>> = {
  loading: "REPLICA_STATE_LOADING",
  ready: "REPLICA_STATE_READY",
  failed: "REPLICA_STATE_FAILED",
  unloading: "REPLICA_STATE_UNLOADING",
};
const nodeStatesByWire: Readonly<Partial<Record<WireNodeState & string, NodeStatus["state"]>>> = {
  NODE_STATE_SERVING: "serving",
  NODE_STATE_DRAINING: "draining",
};
const thermalStatesByWire: Readonly<Partial<Record<WireThermalState & string, ThermalState>>> = {
  THERMAL_STATE_UNSPECIFIED: "unknown",
  THERMAL_STATE_NOMINAL: "nominal",
  THERMAL_STATE_FAIR: "fair",
  THERMAL_STATE_SERIOUS: "serious",
  THERMAL_STATE_CRITICAL: "critical",
};
const powerSourcesByWire: Readonly<Partial<Record<PowerSource & string, PowerStatus["source"]>>> = {
  POWER_SOURCE_UNSPECIFIED: "unknown",
  POWER_SOURCE_MAINS: "mains",
  POWER_SOURCE_BATTERY: "battery",
};
const replicaStatesByWire: Readonly<Partial<Record<WireReplicaState & string, ReplicaState>>> = {
  REPLICA_STATE_LOADING: "loading",
  REPLICA_STATE_READY: "ready",
  REPLICA_STATE_FAILED: "failed",
  REPLICA_STATE_UNLOADING: "unloading",
};

export function nodeStatusToWire(status: NodeStatus): WireNodeStatus {
  return {
    nodeId: status.nodeId,
    incarnation: status.incarnation,
    sequence: status.sequence,
    state: nodeStates[status.state],
    grpcAddress: status.grpcAddress,
    hostname: status.hostname,
    version: status.version,
    capacity: capacityToWire(status.capacity),
    replicas: status.replicas.map(replicaStatusToWire),
    thermalState: thermalStates[status.thermalState],
    power: { source: powerSources[status.power.source], watts: status.power.watts ?? 0 },
    heartbeatIntervalMs: status.heartbeatIntervalMs,
    files: status.files.map(storedFileToWire),
    endedAttempts: status.endedAttempts.map(runningAttemptToWire),
    lines: [...status.lines],
  };
}

export function nodeStatusFromWire(wire: NodeStatus__Output | null): NodeStatus {
  const status = checkPresent("status", wire);
  return {
    nodeId: checkHexId("status.node_id", status.nodeId),
    incarnation: checkCount("status.incarnation", status.incarnation),
    sequence: checkCount("status.sequence", status.sequence),
    state: checkEnum("status.state", status.state, nodeStatesByWire),
    grpcAddress: grpcAddressFromWire(status.grpcAddress),
    hostname: checkText("status.hostname", status.hostname, 255),
    version: checkText("status.version", status.version, 64),
    capacity: capacityFromWire(checkPresent("status.capacity", status.capacity)),
    replicas: checkLength("status.replicas", status.replicas, replicasMax).map(replicaStatusFromWire),
    thermalState: checkEnum("status.thermal_state", status.thermalState, thermalStatesByWire),
    power: {
      source: checkEnum("status.power.source", status.power?.source ?? "POWER_SOURCE_UNSPECIFIED", powerSourcesByWire),
      watts: checkNumber("status.power.watts", status.power?.watts ?? 0, { min: 0, max: 1e6 }) || null,
    },
    heartbeatIntervalMs: checkInteger("status.heartbeat_interval_ms", status.heartbeatIntervalMs, {
      min: 10,
      max: 60_000,
    }),
    files: checkLength("status.files", status.files, storedFilesMax).map(storedFileFromWire),
    endedAttempts: checkLength("status.ended_attempts", status.endedAttempts, endedAttemptsMax).map((attempt) =>
      runningAttemptFromWire("status.ended_attempts", attempt),
    ),
    lines: peerLinesFromWire(status.lines),
  };
}

/** The payload of a heartbeat on NATS. */
export function encodeNodeStatus(status: NodeStatus): Uint8Array {
  return pomona.NodeStatus.serialize(nodeStatusToWire(status));
}

/** @throws PomonaError `invalid_request` for bytes that are no valid status. */
export function decodeNodeStatus(payload: Uint8Array): NodeStatus {
  let wire: NodeStatus__Output;
  try {
    wire = pomona.NodeStatus.deserialize(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  } catch (error) {
    throw new PomonaError("invalid_request", "the payload is not a NodeStatus message", { cause: error });
  }
  return nodeStatusFromWire(wire);
}

function grpcAddressFromWire(address: string): string {
  if (!/^[A-Za-z0-9.\-_:[\]]{0,253}:\d{1,5}$/.test(address))
    fail("status.grpc_address", "must be of the form host:port");
  return address;
}

function capacityToWire({ memoryPressure, ownerState, ...capacity }: NodeCapacity): NodeCapacityWire {
  return { ...capacity, memoryPressure: orEmpty(memoryPressure), ownerState: orEmpty(ownerState) };
}

function orEmpty(word: string): string {
  return word === "unknown" ? "" : word;
}

const pressures: readonly MemoryPressure[] = ["normal", "warning", "critical"];
const ownerStates: readonly OwnerState[] = ["active", "away"];
/** A node that reports more is broken, and nothing is made of it. */
const correctionRange = { min: 1, max: 4 };

function capacityFromWire(wire: NodeCapacity__Output): NodeCapacity {
  return {
    memoryBytes: checkCount("status.capacity.memory_bytes", wire.memoryBytes),
    budgetBytes: checkCount("status.capacity.budget_bytes", wire.budgetBytes),
    freeBytes: checkCount("status.capacity.free_bytes", wire.freeBytes),
    chip: checkText("status.capacity.chip", wire.chip, 128),
    gpu: wire.gpu === "metal" || wire.gpu === "cpu" ? wire.gpu : fail("status.capacity.gpu", "must be metal or cpu"),
    cpuCores: wire.cpuCores,
    diskBytes: checkCount("status.capacity.disk_bytes", wire.diskBytes),
    diskFreeBytes: checkCount("status.capacity.disk_free_bytes", wire.diskFreeBytes),
    memoryCorrection: checkNumber(
      "status.capacity.memory_correction",
      wire.memoryCorrection === 0 ? 1 : wire.memoryCorrection,
      correctionRange,
    ),
    memoryPressure: pressures.find((pressure) => pressure === wire.memoryPressure) ?? "unknown",
    ownerState: ownerStates.find((state) => state === wire.ownerState) ?? "unknown",
  };
}

export function replicaStatusToWire(replica: ReplicaStatus): WireReplicaStatus {
  return {
    replicaId: replica.replicaId,
    model: replica.model,
    state: replicaStates[replica.state],
    slots: replica.slots,
    running: replica.running.map(runningAttemptToWire),
    contextLength: replica.contextLength,
    memory: { ...replica.memory },
    error: replica.failure === null ? null : failureToWire(replica.failure),
    loadMs: replica.loadMs,
    pid: replica.pid ?? 0,
    digest: replica.digest,
    held: replica.held.map(({ place, slot, tokens, hashes }) => ({
      place,
      tokens,
      hashes: [...hashes],
      ...(slot === null ? {} : { slot }),
    })),
    speed: replica.speed,
    revision: replica.revision,
  };
}

export function replicaStatusFromWire(wire: ReplicaStatus__Output | null): ReplicaStatus {
  const replica = checkPresent("replica", wire);
  return {
    replicaId: checkReplicaId("replica.replica_id", replica.replicaId),
    model: checkModelName("replica.model", replica.model),
    state: checkEnum("replica.state", replica.state, replicaStatesByWire),
    slots: checkInteger("replica.slots", replica.slots, { min: 0, max: slotsMax }),
    running: checkLength("replica.running", replica.running, slotsMax).map((attempt) =>
      runningAttemptFromWire("replica.running", attempt),
    ),
    contextLength: checkInteger("replica.context_length", replica.contextLength, { min: 0, max: contextLengthMax }),
    memory: memoryFromWire(replica.memory),
    failure: replica.error === null ? null : failureFromWire("replica.error", replica.error),
    loadMs: checkNumber("replica.load_ms", replica.loadMs, { min: 0, max: Number.MAX_SAFE_INTEGER }),
    pid: replica.pid === 0 ? null : replica.pid,
    digest: checkDigest("replica.digest", replica.digest),
    held: checkLength("replica.held", replica.held, heldMax).map(heldFromWire),
    speed: replica.speed === null ? null : { ...replica.speed },
    revision: checkText("replica.revision", replica.revision, revisionLengthMax),
  };
}

export function runningAttemptToWire({ requestId, epoch, isOrphaned }: RunningAttempt): WireRunningAttempt {
  return { requestId, epoch, isOrphaned };
}

export function runningAttemptFromWire(field: string, wire: RunningAttempt__Output): RunningAttempt {
  const { requestId, epoch, isOrphaned } = wire;
  return { requestId: checkHexId(`${field}.request_id`, requestId), epoch, isOrphaned };
}

function checkDigest(field: string, digest: string): string {
  return /^([0-9a-f]{64})?$/.test(digest) ? digest : fail(field, "must be 64 lower-case hex digits");
}

function heldFromWire({ place, tokens, hashes, ...wire }: WireHeldPrefix__Output): HeldPrefix {
  checkLength("replica.held.hashes", hashes, hashesMax);
  return {
    slot: wire._slot === undefined ? null : (wire.slot ?? null),
    place: places.find((known) => known === place) ?? fail("replica.held.place", `must be one of ${places.join(", ")}`),
    tokens,
    hashes: hashes.map((hash) => checkCount("replica.held.hashes", hash)),
  };
}

const fileStates: readonly StoredFileState[] = ["pulling", "verifying", "verified", "failed"];

function storedFileToWire({ digest, bytes, heldBytes, state, failure }: StoredFile): StoredFileWire {
  return { digest, bytes, heldBytes, state, error: failure === null ? null : failureToWire(failure) };
}

function storedFileFromWire(wire: StoredFile__Output): StoredFile {
  return {
    digest: checkSha256("status.files.digest", wire.digest),
    bytes: checkCount("status.files.bytes", wire.bytes),
    heldBytes: checkCount("status.files.held_bytes", wire.heldBytes),
    state:
      fileStates.find((state) => state === wire.state) ??
      fail("status.files.state", `must be one of ${fileStates.join(", ")}`),
    failure: wire.error === null ? null : failureFromWire("status.files.error", wire.error),
  };
}

const mappedFileLengthMax = 128;

function memoryFromWire(wire: ReplicaMemory__Output | null): ReplicaMemory {
  const mappedBytes = checkCount("replica.memory.mapped_bytes", wire?.mappedBytes ?? 0);
  const mappedFile = checkText("replica.memory.mapped_file", wire?.mappedFile ?? "", mappedFileLengthMax);
  return {
    weightsBytes: checkCount("replica.memory.weights_bytes", wire?.weightsBytes ?? 0),
    kvBytes: checkCount("replica.memory.kv_bytes", wire?.kvBytes ?? 0),
    computeBytes: checkCount("replica.memory.compute_bytes", wire?.computeBytes ?? 0),
    processBytes: checkCount("replica.memory.process_bytes", wire?.processBytes ?? 0),
    ...(mappedBytes === 0 ? {} : { mappedBytes }),
    ...(mappedFile === "" ? {} : { mappedFile }),
  };
}

export function replicaSpecToWire(spec: ReplicaSpec): WireReplicaSpec {
  const { model, source, slots, contextLength, engine, files, revision } = spec;
  return {
    model,
    source,
    slots,
    contextLength: contextLength ?? 0,
    engine: engineOptionsToWire(engine),
    files: files.map(modelFileToWire),
    revision,
  };
}

export function replicaSpecFromWire(wire: ReplicaSpec__Output | null): ReplicaSpec {
  const spec = checkPresent("spec", wire);
  if (spec.source === "") fail("spec.source", "is missing: set builtin:tiny or an absolute path");
  const contextLength = checkInteger("spec.context_length", spec.contextLength, { min: 0, max: contextLengthMax });
  return {
    model: checkModelName("spec.model", spec.model),
    source: checkText("spec.source", spec.source, 4096),
    slots: checkInteger("spec.slots", spec.slots, { min: 1, max: slotsMax }),
    contextLength: contextLength === 0 ? null : contextLength,
    engine: spec.engine === null ? defaultEngineOptions : engineOptionsFromWire(spec.engine),
    files: modelFilesFromWire("spec.files", spec.files),
    revision: checkText("spec.revision", spec.revision, revisionLengthMax),
  };
}

export function engineOptionsToWire(options: EngineOptions): WireEngineOptions {
  return {
    ...(options.gpuLayers === null ? {} : { gpuLayers: options.gpuLayers }),
    threads: options.threads ?? 0,
    batchSize: options.batchSize,
    chunkLength: options.chunkLength,
    kvType: options.kvType,
    noFlashAttention: !options.hasFlashAttention,
    noMmap: !options.usesMmap,
    mlock: options.usesMlock,
    ...(options.embeddingLength === null ? {} : { embeddingLength: options.embeddingLength }),
    loras: options.loras.map(({ path, scale }) => ({ path, scale })),
  };
}

/** Unset (0 or empty) fields mean their defaults. */
export function engineOptionsFromWire(wire: EngineOptions__Output, field = "spec.engine"): EngineOptions {
  const { batchSize: batch, chunkLength: chunk, kvType } = defaultEngineOptions;
  const batchSize = checkInteger(`${field}.batch_size`, wire.batchSize || batch, batchSizeRange);
  const chunkRange = { min: batchSizeRange.min, max: batchSize };
  return {
    gpuLayers: wire._gpuLayers === undefined ? null : (wire.gpuLayers ?? null),
    threads: checkInteger(`${field}.threads`, wire.threads, { min: 0, max: 1024 }) || null,
    batchSize,
    chunkLength: checkInteger(`${field}.chunk_length`, wire.chunkLength || Math.min(chunk, batchSize), chunkRange),
    kvType: kvTypes.find((type) => type === (wire.kvType || kvType)) ?? fail(`${field}.kv_type`, kvTypeRule),
    hasFlashAttention: !wire.noFlashAttention,
    usesMmap: !wire.noMmap,
    usesMlock: wire.mlock,
    embeddingLength:
      wire._embeddingLength === undefined
        ? null
        : checkInteger(`${field}.embedding_length`, wire.embeddingLength ?? 0, { min: 0, max: 8192 }),
    loras: checkLength(`${field}.loras`, wire.loras, lorasMax).map(({ path, scale }) => ({
      path: checkText(`${field}.loras.path`, path, 4096),
      scale: checkNumber(`${field}.loras.scale`, scale, { min: -100, max: 100 }),
    })),
  };
}
