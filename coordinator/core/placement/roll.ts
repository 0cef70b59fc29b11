// Rolling a changed deployment: one replica at a time, the new one ready before the old one leaves.
import type { NodeId } from "@pomona/shared/core/ids";
import type { Layout, Resident } from "./layout.ts";
import { retirementOf } from "./leavers.ts";
import type { PlacementDecision, PlacementModel, PlacementNode } from "./problem.ts";

type Old = { readonly node: PlacementNode; readonly resident: Resident };

/** The next step, if there is one: a load beside an old replica, else a load elsewhere, else an old one leaves first. */
export function rollOne(
  layout: Layout,
  model: PlacementModel,
  isFreeToLoad: (nodeId: NodeId) => boolean,
): PlacementDecision[] {
  const old = oldReplicas(layout, model);
  if (old.length === 0 || isRolling(layout, model)) return [];
  const canRun = ({ nodeId, canLoad, isDraining }: PlacementNode): boolean => {
    const option = model.options.get(nodeId);
    return option?.hasFiles === true && !option.isWaiting && canLoad && !isDraining;
  };
  if (!layout.nodes.some(canRun)) return [];
  const hasRoom = (node: PlacementNode): boolean => {
    const option = model.options.get(node.nodeId);
    return option !== undefined && canRun(node) && isFreeToLoad(node.nodeId) && layout.fits(node, option.memory);
  };
  const isFresh = ({ nodeId }: PlacementNode): boolean => !layout.staying(model.model).has(nodeId);
  const beside = old.find(({ node }) => hasRoom(node))?.node;
  const only = layout.staying(model.model).size === 1;
  const target = beside ?? (only ? layout.nodes.find((node) => isFresh(node) && hasRoom(node)) : undefined);
  if (target !== undefined) {
    const option = model.options.get(target.nodeId);
    if (option !== undefined) layout.reserve(target.nodeId, model.model, option.memory);
    return [{ kind: "load", nodeId: target.nodeId, model: model.model, reason: "its deployment has changed" }];
  }
  // A node that loads something else may have room in a moment.
  if (old.some(({ node }) => canRun(node) && !isFreeToLoad(node.nodeId))) return [];
  return makeRoom(layout, old);
}

function oldReplicas(layout: Layout, { model }: PlacementModel): Old[] {
  return layout.nodes.flatMap((node) => {
    const resident = layout.staying(model).get(node.nodeId);
    return resident?.replica?.state === "ready" && !resident.replica.isCurrent ? [{ node, resident }] : [];
  });
}

/** Whether the step before is still under way. */
function isRolling(layout: Layout, { model }: PlacementModel): boolean {
  return layout.nodes.some((node) =>
    layout.residents(node.nodeId).some((resident) => {
      if (resident.model !== model) return false;
      const isComing = resident.replica === null || resident.replica.state === "loading";
      return isComing || layout.isLeaving(resident);
    }),
  );
}

/** The one that has been idle longest leaves; where it is the only one, requests wait until the new one is there. */
function makeRoom(layout: Layout, old: readonly Old[]): PlacementDecision[] {
  const idleFor = ({ resident: { replica } }: Old): number => (replica?.isBusy === true ? -1 : (replica?.idleFor ?? 0));
  const [first] = [...old].sort((a, b) => idleFor(b) - idleFor(a));
  if (first === undefined) return [];
  const reason = "its deployment has changed, and there is no room for both";
  const retirement = retirementOf(first.node, first.resident, { eviction: "replaced", reason });
  layout.retire(first.node.nodeId, first.resident);
  return retirement === null ? [] : [retirement];
}
