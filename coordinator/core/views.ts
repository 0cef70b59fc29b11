// Read-only views of the state, for the APIs and for metrics.
import type { ModelName, NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { addedBytes, heldBytes } from "@pomona/shared/core/replica-memory";
import { budgetOf, contextLengthOf, hasLabels, isDraining } from "./deployments.ts";
import type { ModelSummary, Readiness } from "./generation-request.ts";
import { loadingOutlook } from "./load-time.ts";
import { takesWork } from "./membership.ts";
import { heldMemories, isCurrent, memoryOn } from "./placement-problem.ts";
import { refusePooled } from "./pooled-request.ts";
import type { ClusterState, Deployment, Member, StepContext } from "./state.ts";
import { couldHold, survivesNodeLoss } from "./survival.ts";

/** What views read. `nowMs` is monotonic. */
export type ViewContext = Pick<StepContext, "state" | "nowMs">;

/** A ready replica on a node that takes work. */
export type ReadyReplica = { readonly member: Member; readonly replica: ReplicaStatus };

/**
 * The replicas that requests of a model may be bound to, whose prompt is for files of this digest; at most one on a node. Nodes
 * that an administrator drains keep the last one until it is loaded elsewhere: as long as there is no other, it answers.
 */
export function readyReplicas(state: ClusterState, model: ModelName, digest = ""): ReadyReplica[] {
  const ready: ReadyReplica[] = [];
  const drained: ReadyReplica[] = [];
  const deployment = state.deployments.get(model);
  if (deployment === undefined) return ready;
  for (const member of state.members.values()) {
    if (!takesWork(member)) continue;
    const replica = servingReplica(member, deployment, digest);
    if (replica !== undefined) (isDraining(state, member) ? drained : ready).push({ member, replica });
  }
  return ready.length > 0 ? ready : drained;
}

/** Ready replicas that run as the deployment says now, as long as there is one; else those that do not yet. */
export function tokenizingReplicas(
  state: ClusterState,
  model: ModelName,
): { readonly nodeId: NodeId; readonly replicaId: ReplicaId; readonly digest: string }[] {
  const deployment = state.deployments.get(model);
  const ready = readyReplicas(state, model);
  const current = ready.filter(({ replica }) => deployment !== undefined && isCurrent(replica, deployment));
  return (current.length > 0 ? current : ready).map(({ member: { nodeId }, replica: { replicaId, digest } }) => ({
    nodeId,
    replicaId,
    digest,
  }));
}

/** Of two of a model on one node the one that runs as the deployment says now serves, then the one with the lower id. */
function servingReplica(member: Member, deployment: Deployment, digest = ""): ReplicaStatus | undefined {
  let serving: ReplicaStatus | undefined;
  for (const replica of member.status.replicas) {
    if (replica.model !== deployment.model || replica.state !== "ready" || !understands(replica, digest)) continue;
    if (member.leaving.has(replica.replicaId) && !servesLast(member, replica, digest)) continue;
    if (serving === undefined || servesBefore(replica, serving, deployment)) serving = replica;
  }
  return serving;
}

/** One that is replaced still answers those whose prompts only it understands. */
function servesLast({ leaving }: Member, replica: ReplicaStatus, digest: string): boolean {
  const { eviction, askedAtMs } = leaving.get(replica.replicaId) ?? {};
  return eviction === "replaced" && askedAtMs === null && digest !== "" && replica.digest === digest;
}

/** Token ids mean something to the model that they were made for; an empty digest stands for any. */
export function understands(replica: ReplicaStatus, digest: string): boolean {
  return digest === "" || replica.digest === "" || replica.digest === digest;
}

function servesBefore(a: ReplicaStatus, b: ReplicaStatus, deployment: Deployment): boolean {
  const isA = isCurrent(a, deployment);
  return isA === isCurrent(b, deployment) ? a.replicaId < b.replicaId : isA;
}

/** Tokens per slot that every replica has which may serve the model now; 0 while nobody knows. */
export function servedContextLength(state: ClusterState, model: ModelName): number {
  const asked = state.deployments.get(model)?.facts?.contextLength;
  const lengths = readyReplicas(state, model).map(({ replica }) => replica.contextLength);
  if (asked !== undefined) lengths.push(asked);
  return lengths.length === 0 ? 0 : Math.min(...lengths);
}

/** Every model of the pool by name, with the reason where it is not ready. */
export function modelSummaries(context: ViewContext): ModelSummary[] {
  const { state } = context;
  return [...state.deployments.values()]
    .map((deployment) => summaryOf(context, deployment))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

/** How one model stands, without what only lists tell. */
export function modelOutlook(context: ViewContext, model: ModelName): ModelOutlook | null {
  const deployment = context.state.deployments.get(model);
  if (deployment === undefined) return null;
  const outlook = stateOf(context, deployment, readyReplicas(context.state, model).length);
  const isLoading = outlook.state === "loading";
  return { ...outlook, loading: isLoading ? loadingOutlook(context.state, model, context.nowMs) : null };
}

export type ModelOutlook = Pick<ModelSummary, "state" | "reason" | "loading">;

function summaryOf(context: ViewContext, deployment: Deployment): ModelSummary {
  const { state, nowMs } = context;
  const { model, record } = deployment;
  const ready = readyReplicas(state, model);
  const outlook = stateOf(context, deployment, ready.length);
  const files = deployment.facts?.files ?? [];
  return {
    name: model,
    ...outlook,
    contextLength: contextLengthOf(deployment),
    readyReplicas: ready.length,
    createdAtMs: record.createdAtMs,
    loading: outlook.state === "loading" ? loadingOutlook(state, model, nowMs) : null,
    survivesNodeLoss: survivesNodeLoss(state, deployment),
    architecture: deployment.facts?.sizing.architecture ?? "",
    card: deployment.facts?.sizing.card ?? null,
    writes: deployment.facts?.sizing.pooling.isNamed !== true,
    files,
    embeds: refusePooled(state, model, "embed") === null,
    digest: files[0]?.digest ?? ready[0]?.replica.digest ?? "",
  };
}

type Outlook = Pick<ModelSummary, "state" | "reason">;

function stateOf({ state, nowMs }: ViewContext, deployment: Deployment, readyCount: number): Outlook {
  if (readyCount > 0) return { state: "ready", reason: "" };
  if (deployment.failure !== null) return { state: "failed", reason: deployment.failure.message };
  const { model } = deployment;
  const living = [...state.members.values()].filter((member) => member.state !== "dead");
  if (living.length === 0) return { state: "unplaced", reason: "no node is alive" };
  const members = living.filter((member) => !isDraining(state, member));
  if (members.length === 0) return { state: "unplaced", reason: "every node is draining" };
  if (members.some((member) => servingReplica(member, deployment) !== undefined))
    return { state: "loading", reason: "the node that has it cannot be reached at the moment" };
  if (members.some((member) => isOnItsWay(member, model)))
    return { state: "loading", reason: "the first replica is loading" };
  if (members.some(({ pulling }) => pulling?.model === model))
    return { state: "loading", reason: "its files are on their way" };
  if (deployment.facts === null) return sourceOutlook(members, deployment);
  return placementOutlook({ state, nowMs }, members, deployment);
}

/** Nobody has read its header yet. */
function sourceOutlook(members: readonly Member[], { model }: Deployment): Outlook {
  const failures = members.flatMap(({ sources }) => {
    const known = sources.get(model);
    return known?.kind === "failed" ? [known.failure] : [];
  });
  const [failed] = failures;
  if (failed === undefined) return { state: "loading", reason: "its source is being looked at" };
  if (failures.length < members.length) return { state: "loading", reason: "its source is being looked at" };
  return { state: "unplaced", reason: failed.message };
}

/** No replica is there or on its way: will one come, and what stands against it? */
function placementOutlook(context: ViewContext, members: readonly Member[], deployment: Deployment): Outlook {
  const { state } = context;
  const { model, record } = deployment;
  const failures = members.flatMap((member) => member.loadFailures.get(model) ?? []);
  const able = members.filter((member) => couldHold(state, member, deployment));
  if (able.length > 0) {
    const [failed] = failures;
    if (failed !== undefined)
      return { state: "loading", reason: `loading failed and is tried again: ${failed.failure.message}` };
    const isAwaited = state.awaited.has(model) || state.queue.some((queued) => queued.model === model);
    const isFree = able.some((member) => fitsNow(state, member, deployment));
    if (isAwaited || (isFree && record.spec.replicas.min > 0))
      return { state: "loading", reason: "waiting for a node" };
    return isFree || record.spec.replicas.min === 0
      ? { state: "idle", reason: "it is loaded when somebody asks for it" }
      : {
          state: "idle",
          reason: `${neededAndFree(state, members, deployment)}; it takes the place of an idle model when somebody asks for it`,
        };
  }
  const final = failures.find(({ retryAtMs }) => retryAtMs === Number.POSITIVE_INFINITY);
  if (final !== undefined) return { state: "failed", reason: final.failure.message };
  const isHeld = members.some((member) => hasLabels(state, member, deployment));
  if (!isHeld) return { state: "unplaced", reason: `no node has the labels ${record.spec.labels.join(", ")}` };
  return { state: "unplaced", reason: neededAndFree(state, members, deployment) };
}

function fitsNow(state: ClusterState, member: Member, deployment: Deployment): boolean {
  const memory = memoryOn(state, member, deployment);
  return memory !== null && addedBytes(memory, heldMemories(member)) <= freeBytesOf(state, member);
}

function neededAndFree(state: ClusterState, members: readonly Member[], deployment: Deployment): string {
  const freeBytes = Math.max(...members.map((member) => freeBytesOf(state, member)));
  const needed = members.flatMap((member) => {
    const memory = memoryOn(state, member, deployment);
    return memory === null ? [] : [addedBytes(memory, heldMemories(member))];
  });
  return `it needs ${Math.min(...needed)} bytes, and the freest node has ${freeBytes}`;
}

/** Bytes of a node's budget that nothing holds: what it says, and no more than its replicas leave. */
export function freeBytesOf(state: ClusterState, member: Member): number {
  const { freeBytes } = member.status.capacity;
  return Math.max(0, Math.min(freeBytes, budgetOf(state, member) - heldBytes(heldMemories(member))));
}

function isOnItsWay({ loading, status }: Member, model: ModelName): boolean {
  if (loading?.model === model) return true;
  return status.replicas.some((replica) => replica.model === model && replica.state === "loading");
}

/** Those of the models that no node will load, with the reason. */
export function failedModels(context: ViewContext, models: ReadonlySet<ModelName>): Map<ModelName, string> {
  const failed = new Map<ModelName, string>();
  for (const model of models) {
    const outlook = modelOutlook(context, model);
    if (outlook?.state === "failed") failed.set(model, outlook.reason);
  }
  return failed;
}

/** Ready when at least one model answers; the reasons name those that do not. */
export function readinessOf(context: ViewContext): Readiness {
  const models = modelSummaries(context);
  // One that is loaded on demand answers as well, only later.
  const waiting = models.filter((model) => model.state !== "ready" && model.state !== "idle");
  const reasons = waiting.map((model) => `model ${model.name} is ${model.state}: ${model.reason}`);
  if (models.length === 0) reasons.push("no model is deployed");
  return { isReady: waiting.length < models.length, reasons };
}

export function queueDepths(state: ClusterState): Map<ModelName, number> {
  const depths = new Map([...state.deployments.keys()].map((model) => [model, 0]));
  for (const { model } of state.queue) depths.set(model, (depths.get(model) ?? 0) + 1);
  return depths;
}
