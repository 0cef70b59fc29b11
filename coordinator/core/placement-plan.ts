// What would be placed where: the decisions of the pool itself, carried out on paper.
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { heldBytes, totalBytes } from "@pomona/shared/core/replica-memory";
import { isDraining, settingsOf } from "./deployments.ts";
import { canFetch } from "./fetching.ts";
import { takesWork } from "./membership.ts";
import { holdsFiles } from "./model-sources.ts";
import { carriedOut } from "./placement/carried-out.ts";
import { decidePlacement } from "./placement/decide.ts";
import type { PlacementReport, PlannedModel, PlannedNode, PlannedReplica } from "./placement/placement-report.ts";
import type { PlacementDecision, PlacementNode, PlacementProblem, PlacementReplica } from "./placement/problem.ts";
import { leastOf } from "./placement/victims.ts";
import { problemOf, speedOn } from "./placement-problem.ts";
import { remediesFor } from "./remedies.ts";
import { sizeText } from "./size-text.ts";
import type { ClusterState, Deployment, Member, StepContext } from "./state.ts";
import { copyTargets, couldHold, standIns } from "./survival.ts";

/** Decisions follow each other: a load waits for the one before, and for those that leave. */
const roundsMax = 64;

/** The plan for a state, which is not changed. */
export function planPlacement(context: StepContext): PlacementReport {
  const before = problemOf(context);
  const settled = settle(before, context);
  const outcome = { context, before, ...settled, able: ableNodes(context, settled.after) };
  return {
    nodes: settled.after.nodes.flatMap((node) => plannedNode(outcome, node) ?? []),
    models: [...context.state.deployments.values()].map((deployment) => plannedModel(outcome, deployment)),
  };
}

type Outcome = {
  readonly context: StepContext;
  readonly before: PlacementProblem;
  readonly after: PlacementProblem;
  readonly decisions: readonly PlacementDecision[];
  /** Nodes that can answer for each model then. */
  readonly able: ReadonlyMap<ModelName, ReadonlySet<NodeId>>;
};

function settle(problem: PlacementProblem, { config }: StepContext): Pick<Outcome, "after" | "decisions"> {
  const all: PlacementDecision[] = [];
  let after = problem;
  for (let round = 0; round < roundsMax; round += 1) {
    const decisions = decidePlacement(after, config.placement);
    if (decisions.length === 0) break;
    all.push(...decisions);
    after = carriedOut(after, decisions);
  }
  return { after, decisions: all };
}

function ableNodes(context: StepContext, after: PlacementProblem): Map<ModelName, Set<NodeId>> {
  const { state } = context;
  const able = new Map<ModelName, Set<NodeId>>();
  for (const deployment of state.deployments.values()) {
    const nodes = new Set(standIns(state, deployment).map(({ nodeId }) => nodeId));
    for (const { nodeId } of copyTargets(context, deployment)) nodes.add(nodeId);
    for (const { nodeId, replicas } of after.nodes) {
      const member = state.members.get(nodeId);
      const answers = member !== undefined && takesWork(member) && !isDraining(state, member);
      if (answers && replicas.some(({ model }) => model === deployment.model)) nodes.add(nodeId);
    }
    able.set(deployment.model, nodes);
  }
  return able;
}

function plannedNode(outcome: Outcome, node: PlacementNode): PlannedNode | null {
  const { context, able } = outcome;
  const member = context.state.members.get(node.nodeId);
  if (member === undefined) return null;
  const { hostname, capacity } = member.status;
  const held = heldBytes(node.replicas.map(({ memory }) => memory));
  return {
    nodeId: node.nodeId,
    hostname,
    chip: capacity.chip,
    excludedFor: excludedFor(context.state, member),
    budgetBytes: node.budgetBytes,
    freeBytes: Math.max(0, node.budgetBytes - node.otherBytes - held),
    replicas: [
      ...node.replicas.map((replica) => plannedReplica(outcome, member, replica)),
      ...unloaded(outcome, member),
    ],
    lostModels: [...able].flatMap(([model, nodes]) => (nodes.size === 1 && nodes.has(node.nodeId) ? [model] : [])),
  };
}

function excludedFor(state: ClusterState, member: Member): string {
  const settings = settingsOf(state, member.nodeId);
  const { memoryPressure } = member.status.capacity;
  if (isDraining(state, member)) return "it is drained";
  if (!takesWork(member)) return `it is ${member.state}`;
  if (settings.isCordoned) return "it is cordoned";
  return memoryPressure === "warning" || memoryPressure === "critical" ? "it is short of memory" : "";
}

function plannedReplica(
  { before, decisions }: Pick<Outcome, "before" | "decisions">,
  member: Member,
  replica: PlacementReplica,
): PlannedReplica {
  const { model, memory } = replica;
  const was = before.nodes
    .find(({ nodeId }) => nodeId === member.nodeId)
    ?.replicas.find((each) => each.replicaId === replica.replicaId);
  const load = decisions.find((each) => each.kind === "load" && each.model === model && each.nodeId === member.nodeId);
  const speed = speedOn(member, model, memory);
  return {
    model,
    action: was === undefined ? "load" : "keep",
    reason: was === undefined ? (load?.reason ?? "") : "",
    memory,
    prefillTokensPerSecond: speed.prefillTokensPerSecond,
    decodeTokensPerSecond: speed.decodeTokensPerSecond,
    isMeasured: member.status.replicas.some((each) => each.model === model && each.speed !== null),
    readyInMs: was === undefined ? 1000 * replica.reloadSeconds : 0,
  };
}

/** Replicas that are there and would leave. */
function unloaded({ before, after, decisions }: Outcome, member: Member): PlannedReplica[] {
  const of = ({ nodes }: PlacementProblem): readonly PlacementReplica[] =>
    nodes.find(({ nodeId }) => nodeId === member.nodeId)?.replicas ?? [];
  const stay = new Set(of(after).map(({ replicaId }) => replicaId));
  return of(before)
    .filter(({ replicaId }) => !stay.has(replicaId))
    .map((replica) => {
      const why = decisions.find((each) => each.kind === "retire" && each.replicaId === replica.replicaId);
      return {
        ...plannedReplica({ before, decisions }, member, replica),
        action: "unload",
        reason: why?.reason ?? "",
      };
    });
}

function plannedModel(outcome: Outcome, deployment: Deployment): PlannedModel {
  const { context, after, able } = outcome;
  const { model, record } = deployment;
  const nodes = able.get(model) ?? new Set();
  const resident = new Set(
    after.nodes.flatMap(({ nodeId, replicas }) => (replicas.some((each) => each.model === model) ? [nodeId] : [])),
  );
  const unmet = unmetOf(outcome, deployment, { able: nodes.size, placed: resident.size });
  return {
    model,
    standbyNodeIds: [...nodes].filter((nodeId) => !resident.has(nodeId)),
    survivesNodeLoss: nodes.size >= 2,
    unmet,
    remedies: unmet.length === 0 ? [] : remediesFor(context.state, deployment, after),
    chosenFor: record.pinned?.reason ?? "",
  };
}

type Counts = { readonly able: number; readonly placed: number };

function unmetOf({ context, after }: Outcome, deployment: Deployment, { able, placed }: Counts): string[] {
  const { spec } = deployment.record;
  if (deployment.failure !== null) return [deployment.failure.message];
  if (deployment.facts === null) return ["nobody has looked at its files yet"];
  const least = leastOf({ min: spec.replicas.min, isPinned: spec.isPinned });
  const why = whyNot(context, deployment, after);
  const unmet: string[] = [];
  if (placed < least) unmet.push(`${placed} of ${least} replicas have a place: ${why}`);
  if (able < spec.availability)
    unmet.push(`${able} of ${spec.availability} nodes can answer for it: ${whyNoCopy(context, deployment)}`);
  return unmet;
}

/** What stands against one replica more, on the node where least is missing. */
function whyNot({ state }: StepContext, { model, facts }: Deployment, after: PlacementProblem): string {
  const others = after.nodes.filter(
    ({ nodeId, canLoad, replicas }) =>
      canLoad && !replicas.some((each) => each.model === model) && state.members.has(nodeId),
  );
  if (facts === null || others.length === 0) return "every node that takes models has one";
  const shortfalls = others.map((node) => {
    const member = state.members.get(node.nodeId);
    const gpu = member?.status.capacity.gpu ?? "cpu";
    const held = heldBytes(node.replicas.map(({ memory }) => memory));
    const free = Math.max(0, node.budgetBytes - node.otherBytes - held);
    return { node, name: member?.status.hostname ?? "", needed: totalBytes(facts.memory[gpu]), free };
  });
  const [nearest] = shortfalls.sort((a, b) => a.needed - a.free - (b.needed - b.free));
  if (nearest === undefined) return "";
  const { node, name, needed, free } = nearest;
  const holders =
    node.replicas.map((each) => `${each.model} ${sizeText(totalBytes(each.memory))}`).join(", ") || "nothing";
  const programs = node.otherBytes > 0 ? `, other programs ${sizeText(node.otherBytes)}` : "";
  return (
    `it needs ${sizeText(needed)}, and ${name} has ${sizeText(free)} of ${sizeText(node.budgetBytes)} free ` +
    `(held by ${holders}${programs})`
  );
}

function whyNoCopy(context: StepContext, deployment: Deployment): string {
  const { state } = context;
  const members = [...state.members.values()].filter((member) => takesWork(member) && !isDraining(state, member));
  if (members.length < deployment.record.spec.availability)
    return members.length === 1 ? "the pool has one node" : `the pool has ${members.length} nodes`;
  const could = members.filter((member) => couldHold(state, member, deployment));
  if (could.length < deployment.record.spec.availability)
    return `it fits on ${could.length === 1 ? "one node" : `${could.length} nodes`} alone`;
  const open = could.filter((member) => !holdsFiles(state, member, deployment));
  return open.some((member) => canFetch(context, member, deployment))
    ? "its copies are on their way"
    : "nobody can copy its files there: a disk is full, or no node that has them can be read";
}
