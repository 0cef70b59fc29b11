import { defaultPorts, defaultSlots } from "@pomona/shared/core/defaults";
import { defaultEngineOptions, kvTypes } from "@pomona/shared/core/engine-options";
import { isClusterName, isModelName } from "@pomona/shared/core/ids";
import { isSha256 } from "@pomona/shared/core/model-files";
import { modelSourceForms, parseModelSource } from "@pomona/shared/core/model-source";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { logLevels } from "@pomona/shared/runtime/logger";
import { z } from "zod";
import { checkpointModes, defaultCheckpointConfig } from "./core/checkpoint-gain.ts";
import { defaultCoreConfig } from "./core/core-config.ts";
import { defaultSchedulerConfig } from "./core/scheduler/scheduler-state.ts";

const port = z.number().int().min(0).max(65_535);

function isHostAndPort(text: string): boolean {
  try {
    return parseHostAndPort(text).host !== "";
  } catch {
    return false;
  }
}

const engineDefaults = defaultEngineOptions;

/** How the engine runs a model; see `EngineOptions`. */
const engineSchema = z
  .strictObject({
    gpuLayers: z.number().int().min(0).max(1000).nullable().default(engineDefaults.gpuLayers),
    threads: z.number().int().min(1).max(1024).nullable().default(engineDefaults.threads),
    batchSize: z.number().int().min(64).max(2048).default(engineDefaults.batchSize),
    chunkLength: z.number().int().min(64).max(2048).default(engineDefaults.chunkLength),
    kvType: z.enum(kvTypes).default(engineDefaults.kvType),
    hasFlashAttention: z.boolean().default(engineDefaults.hasFlashAttention),
    usesMmap: z.boolean().default(engineDefaults.usesMmap),
    embeddingLength: z.number().int().min(0).max(8192).nullable().default(engineDefaults.embeddingLength),
    loras: z
      .array(z.strictObject({ path: z.string().min(1), scale: z.number().min(-100).max(100).default(1) }))
      .max(16)
      .default([]),
    usesMlock: z.boolean().default(engineDefaults.usesMlock),
  })
  .refine(({ chunkLength, batchSize }) => chunkLength <= batchSize, "chunkLength is at most batchSize")
  .refine(
    ({ kvType, hasFlashAttention }) => kvType === "f16" || hasFlashAttention,
    "a quantised kvType needs flash attention",
  );

/** A model of the pool. A path is one on every node that shall serve it. */
const modelOptionSchema = z
  .strictObject({
    name: z.string().refine(isModelName, "a model name is letters, digits and _ . - : /, 128 at most"),
    source: z.string().refine((text) => parseModelSource(text) !== null, `a source is ${modelSourceForms}`),
    /** SHA-256 that its one file must have; null for any. */
    digest: z.string().refine(isSha256, "a digest is 64 lower-case hex digits").nullable().default(null),
    /** Requests that one replica answers at the same time. */
    slots: z.number().int().min(1).max(64).default(defaultSlots),
    /** Tokens per slot; null means the smaller of the trained context and 8,192. */
    contextLength: z.number().int().min(64).max(1_048_576).nullable().default(null),
    engine: engineSchema.prefault({}),
  })
  .refine(
    ({ source, digest }) => digest !== null || !source.startsWith("https:"),
    "a file from https: is taken by its digest alone: name it",
  );

/** Settings of a coordinator. */
export const coordinatorSchema = z.strictObject({
  stateDir: z.string().min(1),
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 means any free port. */
  httpPort: port.default(defaultPorts.http),
  grpcPort: port.default(defaultPorts.coordinatorGrpc),
  /** null means the name kept in the state directory, a random one at the first start. */
  cluster: z.string().refine(isClusterName, "a cluster name is 1 to 32 of a-z, 0-9 and -").nullable().default(null),
  /** Without any, health and metrics come over gRPC alone. */
  natsUrls: z.array(z.string().min(1)).max(16).default([]),
  models: z.array(modelOptionSchema).max(256).default([]),
  /** Deployed where nothing else is, neither by `models` nor by what is kept; null for nothing. */
  modelWhenNone: modelOptionSchema.nullable().default(null),
  /** NATS servers of a cluster that keep what should run. */
  natsReplicas: z.number().int().min(1).max(5).default(1),
  /** Host or address by which other coordinators reach this one; null for the one that is bound, or the first of all. */
  advertise: z
    .string()
    .refine(
      (text) => isHostAndPort(`${text.includes(":") ? `[${text}]` : text}:1`),
      "a name or an address, without a port",
    )
    .nullable()
    .default(null),
  /** host:port of node-agents that multicast DNS does not find. */
  nodes: z.array(z.string().refine(isHostAndPort, "an address of a node-agent is host:port")).max(256).default([]),
  /** Requests that may wait. */
  queueLengthMax: z.number().int().min(1).max(100_000).default(defaultCoreConfig.queueLengthMax),
  /** A first token is due this long after the arrival, and twice the time that the fastest node needs for the prompt. */
  firstTokenDueMs: z.number().int().min(0).max(3_600_000).default(defaultSchedulerConfig.dueMs),
  /** How long after that an interactive request that still waits is given up with 429. */
  lateMaxMs: z.number().int().min(0).max(86_400_000).default(defaultSchedulerConfig.lateMaxMs),
  /** Whether the state of a long prompt is brought to a peer: `auto` where the line is fast enough. */
  kvCheckpoint: z.enum(checkpointModes).default(defaultCheckpointConfig.mode),
  mdns: z.boolean().default(true),
  /** Allows an address beyond loopback without keys and encryption. */
  isInsecure: z.boolean().default(false),
  logLevel: z.enum(logLevels).default("info"),
});

export type CoordinatorOptions = z.output<typeof coordinatorSchema>;
export type ModelOption = z.output<typeof modelOptionSchema>;
