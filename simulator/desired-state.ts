// What administrators want of a simulated pool, kept whatever becomes of coordinators; and which files its machines have.
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import type { InspectionOutcome } from "@pomona/coordinator/core/model-sources";
import type { ClusterState } from "@pomona/coordinator/core/state";
import { type DeploymentSpec, defaultNodeSettings, type NodeSettings } from "@pomona/shared/core/deployment";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import type { NamedFile, PinnedSource } from "@pomona/shared/core/model-files";
import { type DeployedModel, inspectionOf } from "./deployed-model.ts";
import { failure } from "./failure.ts";

/** A model of the pool, deployed at the moment or not. */
export type KnownModel = DeployedModel & {
  /** Empty where every machine has it in its place. */
  readonly files: readonly NamedFile[];
  /** Machines that have the files where the source says; the others fetch them. */
  readonly homes: ReadonlySet<NodeId>;
};

export type BucketPort = {
  /** Tells whoever watches. */
  readonly tell: (event: ClusterEvent) => void;
  /** Whether administrators can change anything now. */
  readonly isWritable: () => boolean;
};

export class DesiredState {
  readonly settings = new Map<NodeId, NodeSettings>();
  /** Models that were taken out at any time: their requests may have ended for that. */
  readonly everRemoved = new Set<ModelName>();
  readonly #known = new Map<ModelName, KnownModel>();
  readonly #removed = new Set<ModelName>();
  readonly #bucket: BucketPort;
  #revision = 1;

  constructor(models: readonly KnownModel[], bucket: BucketPort) {
    for (const model of models) this.#known.set(model.record.spec.model, model);
    this.#bucket = bucket;
  }

  get deployed(): readonly KnownModel[] {
    return [...this.#known.values()].filter(({ record }) => !this.#removed.has(record.spec.model));
  }

  settingsOf(nodeId: NodeId): NodeSettings {
    return this.settings.get(nodeId) ?? defaultNodeSettings;
  }

  /** All that a coordinator reads when it starts. */
  events(): ClusterEvent[] {
    return [
      ...this.deployed.map(({ record }) => ({ kind: "deploymentSet", record }) as const),
      ...[...this.settings].map(([nodeId, settings]) => this.#settingsEvent(nodeId, settings)),
    ];
  }

  /** The same for one that may have missed some of it. */
  eventsFor({ deployments }: ClusterState): ClusterEvent[] {
    const gone = [...deployments.keys()].filter((model) => !this.#known.has(model) || this.#removed.has(model));
    return [...gone.map((model) => ({ kind: "deploymentRemoved", model }) as const), ...this.events()];
  }

  edit(model: ModelName, changes: Partial<DeploymentSpec>): boolean {
    const known = this.#known.get(model);
    if (known === undefined || this.#removed.has(model) || !this.#bucket.isWritable()) return false;
    const { record } = known;
    this.#put(known, { ...record, spec: { ...record.spec, ...changes } });
    return true;
  }

  remove(model: ModelName): boolean {
    if (this.#removed.has(model) || !this.#bucket.isWritable()) return false;
    this.#removed.add(model);
    this.everRemoved.add(model);
    this.#bucket.tell({ kind: "deploymentRemoved", model });
    return true;
  }

  restore(model: ModelName): void {
    const known = this.#known.get(model);
    if (known === undefined || !this.#removed.delete(model)) return;
    this.#put(known, known.record);
  }

  /** Keeps what a source was found to be, unless the deployment was edited since. */
  pin(model: ModelName, revision: number, pinned: PinnedSource): void {
    const known = this.#known.get(model);
    if (known?.record.revision !== revision || this.#removed.has(model)) return;
    this.#put(known, { ...known.record, pinned });
  }

  setNode(nodeId: NodeId, settings: NodeSettings): void {
    this.settings.set(nodeId, settings);
    this.#bucket.tell(this.#settingsEvent(nodeId, settings));
  }

  /** What a machine says when it is asked what a model's source is. */
  inspect(nodeId: NodeId, model: ModelName): InspectionOutcome {
    const known = this.#known.get(model);
    if (known === undefined) return { kind: "failed", failure: failure("not_found", false) };
    if (known.files.length === 0) return inspectionOf(known);
    const isInPlace = known.homes.has(nodeId);
    if (!isInPlace && !isRemote(known)) return { kind: "failed", failure: failure("not_found", false) };
    return inspectionOf(known, { files: known.files, isInPlace });
  }

  /** Whether a machine finds the files without fetching them. */
  hasInPlace(nodeId: NodeId, model: ModelName): boolean {
    const known = this.#known.get(model);
    return known !== undefined && (known.files.length === 0 || known.homes.has(nodeId));
  }

  #put(known: KnownModel, record: KnownModel["record"]): void {
    this.#revision += 1;
    const kept = { ...record, revision: this.#revision };
    this.#known.set(record.spec.model, { ...known, record: kept });
    this.#bucket.tell({ kind: "deploymentSet", record: kept });
  }

  #settingsEvent(nodeId: NodeId, settings: NodeSettings): ClusterEvent {
    return { kind: "nodeSettingsSet", nodeId, settings, revision: this.#revision };
  }
}

function isRemote({ record }: KnownModel): boolean {
  return record.spec.source.startsWith("hf:");
}
