// What should run, and what administrators want of nodes: kept in NATS, told to the loop as it changes.
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  type DeploymentRecord,
  type DeploymentSpec,
  defaultNodeSettings,
  type NodeSettings,
  type NodeSettingsRecord,
} from "@pomona/shared/core/deployment";
import { PomonaError } from "@pomona/shared/core/errors";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import type { PinnedSource } from "@pomona/shared/core/model-files";
import {
  decodeDeploymentRecord,
  decodeNodeSettings,
  encodeDeploymentRecord,
  encodeNodeSettings,
} from "@pomona/shared/grpc/wire-deployment";
import type { Bus } from "@pomona/shared/nats/bus";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import { KeptRecords, type KeptRecordsConfig } from "./kept-records.ts";
import { bucketMemory } from "./remembered-bucket.ts";

export type DesiredStateConfig = {
  readonly cluster: string;
  /** NATS servers of a cluster that keep it. */
  readonly natsReplicas: number;
  /** Where the coordinator remembers what it has seen. */
  readonly stateDir: string;
};

export type DesiredStateDependencies = {
  /** null without NATS: then the options are all there is, and nothing can be edited. */
  readonly bus: Bus | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (event: DesiredEvent) => void;
};

export type DesiredEvent =
  | { readonly kind: "deploymentSet"; readonly record: DeploymentRecord }
  | { readonly kind: "deploymentRemoved"; readonly model: ModelName }
  | {
      readonly kind: "nodeSettingsSet";
      readonly nodeId: NodeId;
      readonly settings: NodeSettings;
      readonly revision: number;
    };

const deploymentsMax = 256;
const membersMax = 1024;

/**
 * The buckets `pomona-<cluster>-deployments` and `-members`. Edits go through their compare-and-set; what they say is so.
 * A bucket that NATS has lost is written again from what is known here.
 */
export class DesiredState {
  readonly #clock: Clock;
  readonly #deployments: KeptRecords<DeploymentRecord>;
  readonly #members: KeptRecords<NodeSettingsRecord>;
  #onEvent: (event: DesiredEvent) => void;

  constructor(config: DesiredStateConfig, dependencies: DesiredStateDependencies) {
    const { cluster, natsReplicas: replicas, stateDir } = config;
    const { bus, clock, log } = dependencies;
    const kept = (which: string) => {
      const name = `pomona-${cluster}-${which}`;
      const memory = bucketMemory(join(stateDir, "desired", `${name}.json`), log);
      return { bucket: bus?.openBucket({ name, replicas }) ?? null, memory, log };
    };
    this.#clock = clock;
    this.#onEvent = dependencies.onEvent;
    this.#deployments = new KeptRecords(deploymentRecords, {
      ...kept("deployments"),
      onSet: (record) => this.#onEvent({ kind: "deploymentSet", record }),
      onRemoved: ({ spec: { model } }) => this.#onEvent({ kind: "deploymentRemoved", model }),
    });
    this.#members = new KeptRecords(memberRecords, {
      ...kept("members"),
      onSet: (record) => this.#onEvent({ kind: "nodeSettingsSet", ...record }),
      onRemoved: ({ nodeId }) => this.#onEvent({ kind: "nodeSettingsSet", ...unset(nodeId) }),
    });
  }

  /** Resolves when all that is kept was told as events; after this time, when NATS may be away, what was last known. */
  async whenRead(timeoutMs: number): Promise<void> {
    await Promise.all([this.#deployments.whenRead(timeoutMs), this.#members.whenRead(timeoutMs)]);
  }

  /** From now on events go to this one, beginning with all that is known. */
  tell(onEvent: (event: DesiredEvent) => void): void {
    this.#onEvent = onEvent;
    for (const record of this.#deployments.all()) this.#onEvent({ kind: "deploymentSet", record });
    for (const record of this.#members.all()) this.#onEvent({ kind: "nodeSettingsSet", ...record });
  }

  /** Takes deployments of the options: put where absent; where kept otherwise, source and shape of the options win. */
  declare(specs: readonly DeploymentSpec[]): void {
    const createdAtMs = this.#clock.wallMs();
    for (const spec of specs) this.#deployments.declare({ spec, revision: 0, createdAtMs, pinned: null });
  }

  deployments(): readonly DeploymentRecord[] {
    return this.#deployments.all().toSorted((a, b) => (a.spec.model < b.spec.model ? -1 : 1));
  }

  deployment(model: ModelName): DeploymentRecord | null {
    return this.#deployments.find(keyOfModel(model));
  }

  /**
   * @param expectedRevision the one that the edit was made from, 0 for a deployment that must not be there yet, null for
   * whichever.
   * @throws PomonaError `conflict` when somebody else was faster, `failed_precondition` when nothing can be written now.
   */
  async putDeployment(spec: DeploymentSpec, expectedRevision: number | null): Promise<DeploymentRecord> {
    const known = this.deployment(spec.model);
    const isSameSource = known?.spec.source === spec.source && known.spec.digest === spec.digest;
    const pinned = isSameSource ? known.pinned : null;
    const createdAtMs = known?.createdAtMs ?? this.#clock.wallMs();
    return await this.#deployments.put({ spec, revision: 0, createdAtMs, pinned }, expectedRevision);
  }

  /** @throws PomonaError as `putDeployment`, and `not_found`. */
  async removeDeployment(model: ModelName, expectedRevision: number | null): Promise<void> {
    if (this.deployment(model) === null) throw this.#unknown(model);
    await this.#deployments.remove(keyOfModel(model), expectedRevision);
  }

  /**
   * Notes which files the source of a deployment stands for: at once, and in NATS as soon as it is there. Nothing happens
   * when the deployment was edited since this revision.
   */
  pin(model: ModelName, pinned: PinnedSource, revision: number): void {
    const known = this.deployment(model);
    if (known !== null) this.#deployments.note({ ...known, pinned, revision });
  }

  nodeSettings(nodeId: NodeId): NodeSettingsRecord {
    return this.#members.find(nodeId) ?? unset(nodeId);
  }

  /** @throws PomonaError as `putDeployment`. */
  async putNodeSettings(
    nodeId: NodeId,
    settings: NodeSettings,
    expectedRevision: number | null,
  ): Promise<NodeSettingsRecord> {
    return await this.#members.put({ nodeId, settings, revision: 0 }, expectedRevision);
  }

  /** Takes the settings of a node that was forgotten off the list. @throws PomonaError as `putDeployment`. */
  async forgetNode(nodeId: NodeId): Promise<void> {
    if (this.#members.find(nodeId) !== null) await this.#members.remove(nodeId, null);
  }

  close(): void {
    this.#deployments.close();
    this.#members.close();
  }

  #unknown(model: ModelName): PomonaError {
    const names = this.deployments().map(({ spec }) => spec.model);
    return new PomonaError("not_found", `no deployment ${model} is known; there are: ${names.join(", ") || "none"}`);
  }
}

function unset(nodeId: NodeId): NodeSettingsRecord {
  return { nodeId, settings: defaultNodeSettings, revision: 0 };
}

/** Keys of buckets know neither `:` nor names that begin or end with a dot: what is no letter or digit becomes `=2e`. */
export function keyOfModel(model: ModelName): string {
  return model.replace(/[^\w-]/g, (character) => `=${character.charCodeAt(0).toString(16)}`);
}

const deploymentRecords: KeptRecordsConfig<DeploymentRecord> = {
  what: "deployment",
  countMax: deploymentsMax,
  keyOf: ({ spec }) => keyOfModel(spec.model),
  encode: encodeDeploymentRecord,
  decode: decodeDeploymentRecord,
  merge: mergeOption,
};

const memberRecords: KeptRecordsConfig<NodeSettingsRecord> = {
  what: "node",
  countMax: membersMax,
  keyOf: ({ nodeId }) => nodeId,
  encode: encodeNodeSettings,
  decode: decodeNodeSettings,
  // Settings of nodes come by no option.
  merge: () => null,
};

/** An option says what to load and in which shape; how many, where and how long is the administrator's. */
function mergeOption(option: DeploymentRecord, found: DeploymentRecord): DeploymentRecord | null {
  const { source, slots, contextLength, engine, digest } = option.spec;
  const isSameSource = source === found.spec.source && (digest === null || digest === found.spec.digest);
  const said = { source, slots, contextLength, engine, digest: isSameSource ? found.spec.digest : digest };
  const spec = { ...found.spec, ...said };
  const pinned = (isSameSource ? found.pinned : null) ?? option.pinned;
  return isDeepStrictEqual({ spec, pinned }, { spec: found.spec, pinned: found.pinned })
    ? null
    : { ...found, spec, pinned };
}
