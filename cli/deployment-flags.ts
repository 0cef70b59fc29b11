// Flags that describe a deployment, for `models add` and `models plan`.
import type { DeploymentSpec } from "@pomona/shared/core/deployment";
import { type EngineOptions, type KvType, kvTypes } from "@pomona/shared/core/engine-options";
import { type Command, InvalidArgumentError } from "commander";
import { collect, parseCount, parseDuration, parseInteger, parseNumber } from "./options.ts";

/** What was set; the rest stays as it is. */
export type DeploymentFlags = {
  readonly context?: number;
  readonly slots?: number;
  readonly min?: number;
  readonly max?: number;
  readonly availability?: number;
  readonly pin?: boolean;
  readonly keepAlive?: number;
  readonly priority?: number;
  readonly label: readonly string[];
  readonly digest?: string;
  readonly engineOption: EngineChanges;
};

type EngineChanges = Partial<EngineOptions>;

export function withDeploymentFlags(command: Command): Command {
  return command
    .option("--context <tokens>", "tokens per slot (the trained context, 8,192 at most)", parseCount)
    .option("--slots <n>", "requests that one replica answers at the same time (4)", parseCount)
    .option("--min <n>", "replicas that stay loaded whether anyone asks or not (1)", parseNumber)
    .option("--max <n>", "most replicas (one on every node where it fits)", parseCount)
    .option("--availability <n>", "nodes that have a ready replica or the verified files (2)", parseCount)
    .option("--pin", "never evict it")
    .option("--keep-alive <time>", "unload replicas above --min after this time without requests (30m)", parseDuration)
    .option("--priority <n>", "where not all models fit, the higher ones stay (0)", parseInteger)
    .option("--label <label>", "a label that nodes must have, like room=office; may be repeated", collect, [])
    .option("--digest <sha256>", "what the file must be; needed for https:")
    .option(
      "--engine-option <key=value>",
      "like kvType=q8_0 (docs/configuration.md); may be repeated",
      engineOption,
      {},
    );
}

/** A deployment with what the flags say. */
export function withFlags(spec: DeploymentSpec, flags: DeploymentFlags): DeploymentSpec {
  const { min, max } = spec.replicas;
  const wantedMin = flags.min ?? min;
  // One that is raised above the most raises that too, where it was not named.
  const wantedMax = flags.max ?? (max === null ? null : Math.max(max, wantedMin));
  return {
    ...spec,
    contextLength: flags.context ?? spec.contextLength,
    slots: flags.slots ?? spec.slots,
    replicas: { min: wantedMin, max: wantedMax },
    availability: flags.availability ?? spec.availability,
    isPinned: flags.pin ?? spec.isPinned,
    keepAliveMs: flags.keepAlive ?? spec.keepAliveMs,
    priority: flags.priority ?? spec.priority,
    labels: flags.label.length > 0 ? flags.label : spec.labels,
    digest: flags.digest ?? spec.digest,
    engine: { ...spec.engine, ...flags.engineOption },
  };
}

function engineOption(text: string, earlier: EngineChanges): EngineChanges {
  const separator = text.indexOf("=");
  const [key, value] = [text.slice(0, separator), text.slice(separator + 1)];
  const read = readers.get(key);
  if (separator < 1 || read === undefined) {
    throw new InvalidArgumentError(`an engine option is KEY=VALUE with one of ${[...readers.keys()].join(", ")}`);
  }
  return { ...earlier, ...read(value, earlier) };
}

/** As in the configuration file; `lora` is PATH or PATH@SCALE, and may be repeated. */
const readers = new Map<string, (value: string, earlier: EngineChanges) => EngineChanges>([
  ["gpuLayers", (value) => ({ gpuLayers: parseNumber(value) })],
  ["threads", (value) => ({ threads: parseCount(value) })],
  ["batchSize", (value) => ({ batchSize: parseCount(value) })],
  ["chunkLength", (value) => ({ chunkLength: parseCount(value) })],
  ["kvType", (value) => ({ kvType: parseKvType(value) })],
  ["hasFlashAttention", (value) => ({ hasFlashAttention: parseFact(value) })],
  ["usesMmap", (value) => ({ usesMmap: parseFact(value) })],
  ["usesMlock", (value) => ({ usesMlock: parseFact(value) })],
  ["embeddingLength", (value) => ({ embeddingLength: parseNumber(value) })],
  ["lora", (value, { loras = [] }) => ({ loras: [...loras, parseLora(value)] })],
]);

function parseKvType(text: string): KvType {
  const kvType = kvTypes.find((type) => type === text);
  if (kvType === undefined) throw new InvalidArgumentError(`kvType is one of ${kvTypes.join(", ")}`);
  return kvType;
}

function parseFact(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("must be true or false");
  return text === "true";
}

function parseLora(text: string): EngineOptions["loras"][number] {
  const match = /^(\/.*?)(?:@(-?\d+(?:\.\d+)?))?$/.exec(text);
  if (match?.[1] === undefined)
    throw new InvalidArgumentError("a lora is an absolute path on the nodes, or PATH@SCALE");
  return { path: match[1], scale: Number(match[2] ?? 1) };
}
