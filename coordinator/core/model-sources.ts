// What nodes say of a model's source: who has its files, what they need, which variant is taken.
import type { GenerationFailure } from "@pomona/shared/core/generation";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { type ModelFile, type ModelVariant, type NamedFile, totalFileBytes } from "@pomona/shared/core/model-files";
import type { ModelSizing } from "@pomona/shared/core/model-sizing";
import { type ReplicaMemory, totalBytes } from "@pomona/shared/core/replica-memory";
import { budgetOf, hasLabels, isDraining, settingsOf } from "./deployments.ts";
import type { Effect } from "./effect.ts";
import { takesWork } from "./membership.ts";
import { sizeText } from "./size-text.ts";
import type { ClusterState, Deployment, Member, ModelFacts, SourceOnNode, StepContext } from "./state.ts";

/** What a node found. */
export type Inspection = {
  readonly files: readonly ModelFile[];
  readonly isInPlace: boolean;
  /** The same source with its revision; empty where it has none. */
  readonly pinnedSource: string;
  /** What there is to choose from, the smallest first, where the source leaves it open. */
  readonly variants: readonly ModelVariant[];
  /** null where no variant was chosen yet. */
  readonly sizing: ModelSizing | null;
};

export type InspectionOutcome =
  | { readonly kind: "found"; readonly inspection: Inspection }
  | { readonly kind: "failed"; readonly failure: GenerationFailure };

/** A node that has not answered is asked again after this time. */
const askAgainMs = 60_000;
/** A host may be back in a moment; a file that is not there comes when somebody puts it there. */
const retryMs = 10_000;
const missingRetryMs = 60_000;
/** So long after the first node was heard of, the others of a pool that starts are there too. */
const gatheringMs = 2000;
/** Only after this nobody has a file that the others lack: the one that has it may be the last to come. */
const settlingMs = 10_000;

/**
 * Asks nodes about sources: every node about files that may lie there, one node about those that come from elsewhere and
 * are not known yet.
 */
export function inspectSources(context: StepContext): Effect[] {
  const { state, nowMs } = context;
  const effects: Effect[] = [];
  for (const deployment of state.deployments.values()) {
    const { model, runKey, record } = deployment;
    const isRemote = isFromElsewhere(record.spec.source);
    deployment.failure = commonFailure(context, deployment);
    // Which variant fits is decided for all nodes, not for the first that is heard of.
    if (isRemote && record.pinned === null && nowMs - (state.firstHeardMs ?? nowMs) < gatheringMs) continue;
    for (const member of state.members.values()) {
      if (!takesWork(member)) continue;
      if (isRemote && (deployment.facts !== null || isBeingAsked(state, deployment, nowMs))) break;
      if (!isToBeAsked(member.sources.get(model), { runKey, nowMs })) continue;
      member.sources.set(model, { runKey, kind: "asked", askedAtMs: nowMs });
      const source = record.pinned?.source ?? record.spec.source;
      const { digest } = record.spec;
      const known = knownAtPath(deployment);
      effects.push({ kind: "inspectModel", nodeId: member.nodeId, model, source, digest, known, runKey });
    }
  }
  return effects;
}

/** Whether files have to come over a network, wherever they are put. */
export function isFromElsewhere(source: string): boolean {
  return /^(https?|hf):/.test(source);
}

/** A place that means something on some nodes only. */
function isPath(source: string): boolean {
  return !isFromElsewhere(source) && !source.startsWith("builtin:");
}

/** Files that a path was found to stand for: copies of them answer for it while its node is away. */
function knownAtPath({ record }: Deployment): readonly NamedFile[] {
  return isPath(record.spec.source) ? (allNamed(record.pinned?.files ?? []) ?? []) : [];
}

/**
 * Keeps what lies at a path, as an inspection or a replica has told it, as soon as there is a copy of it elsewhere, and again
 * when it is something else: so that copies are known for what they are after a restart.
 */
export function pinPaths({ state }: StepContext): Effect[] {
  return [...state.deployments.values()].flatMap((deployment) => {
    const { model, record } = deployment;
    const { source } = record.spec;
    const files = isPath(source) ? filesAtPath(state, deployment) : null;
    if (files === null || isSame(files, record.pinned?.files ?? [])) return [];
    const isCopy = (member: Member): boolean => !isInPlace(member, deployment) && holdsVerified(member, files);
    if (![...state.members.values()].some(isCopy)) return [];
    return [{ kind: "pinModel", model, revision: record.revision, pinned: { source, files, reason: "" } } as const];
  });
}

function filesAtPath(state: ClusterState, { model, runKey, record, facts }: Deployment): readonly NamedFile[] | null {
  const files = facts?.files ?? [];
  const loaded = loadedDigests(state, { model, runKey });
  // Of nodes that have different files at the same path the first one counts.
  const kept = record.pinned?.files[0]?.digest ?? null;
  const digest = kept !== null && loaded.includes(kept) ? kept : (loaded[0] ?? null);
  const named = files.map((file) => (files.length === 1 ? { ...file, digest: file.digest ?? digest } : file));
  return files.length === 0 ? null : allNamed(named);
}

function isSame(files: readonly NamedFile[], others: readonly ModelFile[]): boolean {
  return files.length === others.length && files.every(({ digest }, index) => digest === others[index]?.digest);
}

function allNamed(files: readonly ModelFile[]): readonly NamedFile[] | null {
  return files.every((file): file is NamedFile => file.digest !== null) ? files : null;
}

function isBeingAsked(state: ClusterState, { model, runKey }: Deployment, nowMs: number): boolean {
  return [...state.members.values()].some((member) => {
    const known = member.sources.get(model);
    return known?.runKey === runKey && known.kind === "asked" && nowMs - known.askedAtMs < askAgainMs;
  });
}

function isToBeAsked(
  known: SourceOnNode | undefined,
  { runKey, nowMs }: { readonly runKey: string; readonly nowMs: number },
): boolean {
  if (known?.runKey !== runKey) return true;
  if (known.kind === "asked") return nowMs - known.askedAtMs >= askAgainMs;
  return known.kind === "failed" && nowMs >= known.retryAtMs;
}

type Inspected = {
  readonly nodeId: NodeId;
  readonly model: ModelName;
  readonly runKey: string;
  readonly outcome: InspectionOutcome;
};

/** Takes an answer in. Nothing of it is kept when the deployment has changed meanwhile. */
export function takeInspection(context: StepContext, { nodeId, model, runKey, outcome }: Inspected): Effect[] {
  const { state, nowMs } = context;
  const member = state.members.get(nodeId);
  const deployment = state.deployments.get(model);
  if (member === undefined || deployment?.runKey !== runKey) return [];
  if (outcome.kind === "failed") {
    const waitMs = outcome.failure.isRetryable ? retryMs : missingRetryMs;
    member.sources.set(model, { runKey, kind: "failed", failure: outcome.failure, retryAtMs: nowMs + waitMs });
    deployment.failure = commonFailure(context, deployment);
    return [];
  }
  const { inspection } = outcome;
  member.sources.set(model, { runKey, kind: inspection.isInPlace ? "inPlace" : "elsewhere" });
  deployment.failure = null;
  if (inspection.variants.length > 0) return chooseVariant(state, deployment, inspection);
  if (inspection.sizing !== null) {
    const facts = factsOf(deployment, inspection.files, inspection.sizing);
    const smaller = smallerVariant(state, deployment, facts.memory.cpu);
    if (smaller.length > 0) return smaller;
    deployment.facts ??= facts;
  }
  const isKept = deployment.record.pinned !== null || !isFromElsewhere(deployment.record.spec.source);
  return isKept ? [] : [pin(deployment, inspection, "")];
}

/** Why nobody can load it, when every node that may be asked says so. */
function commonFailure(context: StepContext, { model, runKey, facts }: Deployment): GenerationFailure | null {
  const { state, nowMs } = context;
  if (facts !== null) return null;
  let first: GenerationFailure | null = null;
  for (const member of state.members.values()) {
    if (!takesWork(member)) continue;
    const known = member.sources.get(model);
    if (known?.runKey !== runKey || known.kind !== "failed" || known.failure.isRetryable) return null;
    first ??= known.failure;
  }
  const isSettled = nowMs - (state.firstHeardMs ?? nowMs) >= settlingMs;
  return first?.code !== "not_found" || (isSettled && !mayComeBack(context)) ? first : null;
}

/** Whether a node was lost a moment ago, or is left out for a while: it may be the one that has the file. */
function mayComeBack({ state, nowMs, config }: StepContext): boolean {
  const graceMs = 1000 * config.placement.lossGrace;
  return [...state.members.values()].some(
    (member) => !takesWork(member) && member.status.state === "serving" && nowMs - member.lastHeartbeatMs < graceMs,
  );
}

function factsOf({ record }: Deployment, files: readonly ModelFile[], sizing: ModelSizing): ModelFacts {
  const { slots, engine } = record.spec;
  const contextLength = sizing.contextLengthFor(record.spec.contextLength);
  const digested = files.map((file, index) =>
    index === 0 && files.length === 1 ? { ...file, digest: file.digest ?? record.spec.digest } : file,
  );
  return {
    contextLength,
    sizing,
    files: digested,
    memory: {
      metal: sizing.memoryFor({ contextLength, slots, engine, gpu: "metal" }),
      cpu: sizing.memoryFor({ contextLength, slots, engine, gpu: "cpu" }),
    },
  };
}

function pin({ model, record }: Deployment, { pinnedSource, files }: Inspection, reason: string): Effect {
  return { kind: "pinModel", model, revision: record.revision, pinned: { source: pinnedSource, files, reason } };
}

/**
 * The largest variant of which as many replicas fit as are wanted, each on a node of its own. What one needs beside its
 * weights is known when its header was read: if that is too much after all, the next smaller one is taken.
 */
function chooseVariant(state: ClusterState, deployment: Deployment, { variants, pinnedSource }: Inspection): Effect[] {
  const { model, record } = deployment;
  const { source } = record.spec;
  state.variants.set(model, { source, pinnedSource, variants });
  const room = roomOf(state, deployment);
  const fitting = variants.filter(({ files }) => totalFileBytes(files) <= room);
  return chosen(state, deployment, fitting.at(-1) ?? variants[0]);
}

/** Budget of the node that would get the last of the replicas that are wanted. */
function roomOf(state: ClusterState, deployment: Deployment): number {
  const wanted = Math.max(1, deployment.record.spec.replicas.min);
  const budgets = [...state.members.values()]
    .filter((member) => takesWork(member) && !isDraining(state, member) && !settingsOf(state, member.nodeId).isCordoned)
    .filter((member) => hasLabels(state, member, deployment))
    .map((member) => budgetOf(state, member))
    .sort((a, b) => b - a);
  return budgets[Math.min(wanted, budgets.length) - 1] ?? 0;
}

function chosen(state: ClusterState, deployment: Deployment, variant: ModelVariant | undefined): Effect[] {
  const { model, record } = deployment;
  const listed = state.variants.get(model);
  if (variant === undefined || listed === undefined) return [];
  const larger = listed.variants[listed.variants.indexOf(variant) + 1];
  const reason = whyChosen(deployment, { variant, larger, room: roomOf(state, deployment) });
  const pinned = { source: `${listed.pinnedSource}:${variant.quant}`, files: variant.files, reason };
  return [
    { kind: "pinModel", model, revision: record.revision, pinned },
    { kind: "announce", announcement: { kind: "variantChosen", model, reason } },
  ];
}

type Choice = { readonly variant: ModelVariant; readonly larger: ModelVariant | undefined; readonly room: number };

function whyChosen({ record }: Deployment, { variant, larger, room }: Choice): string {
  const wanted = Math.max(1, record.spec.replicas.min);
  const nodes = wanted === 1 ? "one node" : `${wanted} nodes`;
  const name = `${variant.quant} (${fileSize(variant)})`;
  if (fileBytes(variant) > room)
    return `${name} is the smallest there is, and even that is more than ${nodes} can hold`;
  if (larger === undefined) return `${name} is the largest there is`;
  return `${name} is the largest that ${nodes} can hold with all slots at full context; ${larger.quant} has ${fileSize(larger)} of weights alone`;
}

/** The next smaller variant, when the chosen one needs more than there is; none when the source named one itself. */
function smallerVariant(state: ClusterState, deployment: Deployment, memory: ReplicaMemory): Effect[] {
  const { model, record } = deployment;
  const listed = state.variants.get(model);
  if (listed === undefined || listed.source !== record.spec.source) return [];
  const index = listed.variants.findIndex(({ quant }) => record.pinned?.source === `${listed.pinnedSource}:${quant}`);
  if (index <= 0 || totalBytes(memory) <= roomOf(state, deployment)) return [];
  return chosen(state, deployment, listed.variants[index - 1]);
}

function fileBytes({ files }: ModelVariant): number {
  return totalFileBytes(files);
}

function fileSize(variant: ModelVariant): string {
  return sizeText(fileBytes(variant));
}

/** The files by what is in them, once somebody has read them all. */
export function namedFiles(
  state: ClusterState,
  { model, runKey, record, facts }: Deployment,
): readonly NamedFile[] | null {
  const files = record.pinned?.files ?? facts?.files ?? [];
  const [loaded = null] = files.length === 1 ? loadedDigests(state, { model, runKey }) : [];
  return files.length > 0 ? allNamed(files.map((file) => ({ ...file, digest: file.digest ?? loaded }))) : null;
}

/** A replica knows what is in the one file that it was loaded from. */
function loadedDigests(state: ClusterState, { model, runKey }: Pick<Deployment, "model" | "runKey">): string[] {
  return [...state.members.values()].flatMap(({ status }) =>
    status.replicas
      .filter((each) => each.model === model && each.revision === runKey && each.digest !== "")
      .map(({ digest }) => digest),
  );
}

/** Whether a node can load a model without fetching anything. */
export function holdsFiles(state: ClusterState, member: Member, deployment: Deployment): boolean {
  return isInPlace(member, deployment) || holdsVerified(member, namedFiles(state, deployment));
}

export function isInPlace({ sources }: Member, { model, runKey }: Deployment): boolean {
  const known = sources.get(model);
  return known?.runKey === runKey && known.kind === "inPlace";
}

export function holdsVerified({ status }: Member, files: readonly NamedFile[] | null): boolean {
  if (files === null) return false;
  return files.every(({ digest }) => status.files.some((file) => file.digest === digest && file.state === "verified"));
}
