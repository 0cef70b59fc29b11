// Replicas that go whether anyone else wants their memory or not.
import type { Layout, Resident } from "./layout.ts";
import type { PlacementConfig } from "./placement-config.ts";
import type { EvictionReason, PlacementDecision, PlacementModel, PlacementNode } from "./problem.ts";
import { isSettled, isStanding, leastOf } from "./victims.ts";

type Retirement = PlacementDecision & { kind: "retire" };

export type Leaving = {
  readonly retired: readonly Retirement[];
  /** Last replicas of their models: they go when another one is ready, if one can be had. */
  readonly held: readonly Retirement[];
};

/** Retires them in the layout, and says why. */
export function retireLeavers(layout: Layout, config: PlacementConfig): Leaving {
  const retired: Retirement[] = [];
  const held: Retirement[] = [];
  const retire = ({ node, resident, why: [eviction, reason] }: Leaver): void => {
    const retirement = retirementOf(node, resident, { eviction, reason });
    if (retirement === null) return;
    const list = eviction === "drain" && isHeld(layout, { node, resident }, config) ? held : retired;
    layout.retire(node.nodeId, resident);
    list.push(retirement);
  };
  for (const node of layout.nodes) {
    for (const resident of layout.residents(node.nodeId)) {
      if (layout.isLeaving(resident) || resident.replica?.state === "loading") continue;
      const why = leavesFor(layout, node, resident);
      if (why !== null) retire({ node, resident, why });
    }
  }
  for (const model of layout.models.values()) superfluous(layout, model, config).forEach(retire);
  for (const node of layout.nodes) beyondBudget(layout, node).forEach(retire);
  return { retired, held };
}

/** Whether a drained node has one of which no other answers, and has not been waited for too long. */
function isHeld(
  layout: Layout,
  { node, resident }: Pick<Leaver, "node" | "resident">,
  config: PlacementConfig,
): boolean {
  if (resident.replica?.state !== "ready" || !layout.models.has(resident.model)) return false;
  if (layout.freeBytes(node) < 0) return false;
  const answers = ({ nodeId, isDraining }: PlacementNode): boolean =>
    !isDraining && layout.staying(resident.model).get(nodeId)?.replica?.state === "ready";
  return node.drainingFor < config.drainPatience && !layout.nodes.some(answers);
}

export function retirementOf(
  { nodeId }: PlacementNode,
  { model, replica }: Resident,
  { eviction, reason }: { readonly eviction: EvictionReason; readonly reason: string },
): Retirement | null {
  if (replica === null) return null;
  return { kind: "retire", nodeId, replicaId: replica.replicaId, model, eviction, reason };
}

type Why = readonly [EvictionReason, string];

function leavesFor(layout: Layout, node: PlacementNode, resident: Resident): Why | null {
  if (node.isDraining) return ["drain", "the node is drained"];
  if (!layout.models.has(resident.model)) return ["removed", "nobody asks for this model any more"];
  if (resident.replica?.isMoving === true && !isStanding(layout, resident))
    return ["moved", "another model fits nowhere else, and this one has a new place"];
  const staying = layout.staying(resident.model).get(node.nodeId);
  if (staying === resident || staying === undefined || staying.replica?.state !== "ready") return null;
  return resident.replica?.isCurrent === true
    ? ["surplus", "the node has another replica of it"]
    : ["replaced", "the new one is ready"];
}

type Leaver = { readonly node: PlacementNode; readonly resident: Resident; readonly why: Why };

/** More than the deployment allows, or more than it wants of a model that nobody has asked for in a while. */
function superfluous(layout: Layout, model: PlacementModel, config: PlacementConfig): Leaver[] {
  const isCold = model.idleFor >= model.keepAlive;
  const most = isCold ? Math.min(model.max, leastOf(model)) : model.max;
  // One that loads may fail: only those that answer are too many.
  const ready = [...layout.staying(model.model).values()].filter(({ replica }) => replica?.state === "ready");
  const surplus = ready.length - most;
  if (!(surplus > 0)) return [];
  const why: Why = isCold
    ? ["idle", `nobody has asked for it for ${Math.round(model.idleFor)} s`]
    : ["surplus", `the deployment wants ${model.max} at most`];
  const slowness = ({ nodeId }: PlacementNode): number => model.options.get(nodeId)?.requestSeconds ?? Infinity;
  const rank = ({ resident: { replica } }: Leaver): number =>
    2 * Number(replica?.isBusy === true) + Number(replica === null || !isSettled(replica, config));
  return layout.nodes
    .flatMap((node) => {
      const resident = layout.staying(model.model).get(node.nodeId);
      return resident?.replica?.state === "ready" ? [{ node, resident, why }] : [];
    })
    .sort((a, b) => rank(a) - rank(b) || slowness(b.node) - slowness(a.node))
    .slice(0, surplus);
}

/** The cheapest to have back go first; what is pinned or standing goes last. */
function beyondBudget(layout: Layout, node: PlacementNode): Leaver[] {
  const chosen = new Set<Resident>(layout.gone(node.nodeId));
  const leaving: Leaver[] = [];
  const why: Why = ["memory", "the node has less memory for models than they hold"];
  const rank = (resident: Resident): number => {
    const isPinned = layout.models.get(resident.model)?.isPinned === true;
    return Number(isPinned) * 4 + Number(isStanding(layout, resident)) * 2 + Number(resident.replica?.isBusy === true);
  };
  const byCost = layout
    .residents(node.nodeId)
    .filter(({ replica }) => replica?.state === "ready")
    .sort((a, b) => rank(a) - rank(b) || (a.replica?.reloadSeconds ?? 0) - (b.replica?.reloadSeconds ?? 0));
  for (const resident of byCost) {
    if (layout.freeBytes(node, chosen) >= 0) break;
    if (chosen.has(resident)) continue;
    chosen.add(resident);
    leaving.push({ node, resident, why });
  }
  return leaving;
}
