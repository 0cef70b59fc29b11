// Which replicas may have to go for another model, and which of them cost least.
import type { ReplicaMemory } from "@pomona/shared/core/replica-memory";
import type { Layout, Resident } from "./layout.ts";
import type { PlacementConfig } from "./placement-config.ts";
import type { PlacementModel, PlacementNode } from "./problem.ts";

/**
 * How much a replica is wanted. `need`: requests wait for a model that is nowhere. `standing`: the deployment wants so
 * many. `pressure`: requests wait too long for those that are there. `fill`: memory is free.
 */
export type Urgency = "need" | "standing" | "pressure" | "fill";

export type Want = { readonly model: PlacementModel; readonly urgency: Urgency; readonly reason: string };

export type Victims = { readonly residents: readonly Resident[]; readonly seconds: number };

/** All subsets of so many are tried; of more, the cheapest ones in turn. */
const triedAllMax = 8;
/** What taking away a standing replica counts beside its reload: somebody wants it there. */
const standingSeconds = 30;
/** What waiting for a busy one counts. */
const busySeconds = 10;

/** The cheapest set whose leaving makes room, or null when none does. Those that leave already cost nothing. */
export function cheapestVictims(
  layout: Layout,
  node: PlacementNode,
  { want, memory, config }: { readonly want: Want; readonly memory: ReplicaMemory; readonly config: PlacementConfig },
): Victims | null {
  const gone = layout.gone(node.nodeId);
  const evictable = layout
    .residents(node.nodeId)
    .filter((resident) => !gone.has(resident) && mayEvict(layout, resident, { want, config }))
    .map((resident) => ({ resident, seconds: evictionSeconds(layout, resident) }))
    .sort((a, b) => a.seconds - b.seconds);
  let best: Victims | null = null;
  for (const chosen of subsets(evictable)) {
    const seconds = chosen.reduce((sum, each) => sum + each.seconds, 0);
    if (best !== null && seconds >= best.seconds) continue;
    const residents = chosen.map(({ resident }) => resident);
    if (layout.fits(node, memory, new Set([...gone, ...residents]))) best = { residents, seconds };
  }
  return best;
}

function* subsets<Item>(items: readonly Item[]): Generator<Item[]> {
  if (items.length > triedAllMax) {
    for (let length = 1; length <= items.length; length += 1) yield items.slice(0, length);
    return;
  }
  for (let bits = 1; bits < 2 ** items.length; bits += 1) yield items.filter((_, index) => bits & (1 << index));
}

function evictionSeconds(layout: Layout, resident: Resident): number {
  const { replica } = resident;
  if (replica === null) return Number.POSITIVE_INFINITY;
  const standing = isStanding(layout, resident) ? standingSeconds : 0;
  return replica.reloadSeconds + standing + (replica.isBusy ? busySeconds : 0);
}

/** Whether its deployment wants as many as there are, this one among them. */
export function isStanding(layout: Layout, { model }: Resident): boolean {
  const owner = layout.models.get(model);
  return owner !== undefined && layout.readyCount(model) <= leastOf(owner);
}

/** Replicas that stay whether anyone asks for them or not; a pinned model has at least one. */
export function leastOf({ min, isPinned }: Pick<PlacementModel, "min" | "isPinned">): number {
  return Math.max(min, isPinned ? 1 : 0);
}

function mayEvict(
  layout: Layout,
  resident: Resident,
  { want, config }: { readonly want: Want; readonly config: PlacementConfig },
): boolean {
  const { replica } = resident;
  const owner = layout.models.get(resident.model);
  if (replica === null || replica.state !== "ready" || owner === undefined || owner === want.model) return false;
  const standing = isStanding(layout, resident);
  if (standing && owner.isPinned) return false;
  switch (want.urgency) {
    case "fill":
      return false;
    case "need":
      return mayGiveWay(replica, want, config);
    case "pressure":
    case "standing": {
      if (replica.isBusy || replica.idleFor < config.victimIdle) return false;
      if (!isSettled(replica, config)) return false;
      if (want.urgency === "standing" && owner.priority < want.model.priority) return true;
      const isLast = layout.staying(owner.model).size <= 1 && owner.idleFor < config.lastUsedWithin;
      return !standing && !isLast;
    }
  }
}

/** Nobody is thrown out in the middle of an answer: a busy one gets no new requests, and goes when it is idle. */
function mayGiveWay(replica: NonNullable<Resident["replica"]>, { model }: Want, config: PlacementConfig): boolean {
  if (!isSettled(replica, config)) return false;
  const isIdle = !replica.isBusy && replica.idleFor >= config.neededVictimIdle;
  return isIdle || model.waitingFor >= config.giveWayAfter;
}

/** Whether it has been there for long enough to be worth its load: what keeps two models from chasing each other. */
export function isSettled(
  { residentFor, reloadSeconds }: NonNullable<Resident["replica"]>,
  { residencyFactor }: PlacementConfig,
): boolean {
  return residentFor >= residencyFactor * reloadSeconds;
}
