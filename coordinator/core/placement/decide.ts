// What to load, and what has to go for it: the one place where placement is decided, for the pool and for what-if plans.
import type { ModelName, NodeId, ReplicaId } from "@pomona/shared/core/ids";
import { Layout, type Resident } from "./layout.ts";
import { retireLeavers, retirementOf } from "./leavers.ts";
import type { PlacementConfig } from "./placement-config.ts";
import type { LoadOption, PlacementDecision, PlacementModel, PlacementNode, PlacementProblem } from "./problem.ts";
import { rollOne } from "./roll.ts";
import { cheapestVictims, isStanding, leastOf, type Urgency, type Want } from "./victims.ts";

/** Until a replica that leaves already is gone. */
const goneSeconds = 1;
/** What each running request, and each other model, of a node counts against it. */
const busySeconds = 3;
const neighbourSeconds = 0.1;
/** A node whose last load failed is chosen when there is no other. */
const failedSeconds = 600;
/** Requests that a replica which is to stay will answer: what a faster node is worth against a faster load. */
const standingRequests = 20;

/**
 * What to do now. Carried out, nothing is held beyond a budget, and deciding again about what came of it changes nothing.
 * A replica that has to go for another one goes first: the load is decided when its memory is free.
 */
export function decidePlacement(problem: PlacementProblem, config: PlacementConfig): PlacementDecision[] {
  return new Placer(problem, config).decide();
}

/** A node that a wanted replica could have, and what that costs in seconds. */
type Place = {
  readonly node: PlacementNode;
  readonly option: LoadOption;
  readonly victims: readonly Resident[];
  /** Whether its memory is free at this moment. */
  readonly isFree: boolean;
  readonly cost: number;
};

type Loading = PlacementDecision & { kind: "load" };

class Placer {
  readonly #layout: Layout;
  readonly #config: PlacementConfig;
  readonly #decisions: PlacementDecision[] = [];
  /** Nodes that have their one load, and the seconds until it is done. */
  readonly #loading = new Map<NodeId, number>();
  /** Replicas whose move was decided now. */
  readonly #moving = new Set<ReplicaId>();

  constructor(problem: PlacementProblem, config: PlacementConfig) {
    this.#layout = new Layout(problem);
    this.#config = config;
    for (const { nodeId, loadingLeft } of problem.nodes)
      if (loadingLeft !== null) this.#loading.set(nodeId, loadingLeft);
  }

  decide(): PlacementDecision[] {
    const { retired, held } = retireLeavers(this.#layout, this.#config);
    this.#decisions.push(...retired);
    const models = [...this.#layout.models.values()];
    for (const model of models.sort(byWaiting)) if (isNeeded(this.#layout, model)) this.#place(model, "need");
    for (const model of models.sort(bySize)) this.#placeStanding(model);
    for (const model of models.sort(byWaiting)) if (this.#isPressed(model)) this.#place(model, "pressure");
    for (const model of models.sort(bySize)) {
      for (const decision of rollOne(this.#layout, model, (nodeId) => this.#isFreeToLoad(nodeId))) this.#add(decision);
    }
    this.#fill(models);
    // What comes nowhere else is not waited for.
    this.#decisions.push(...held.filter(({ model }) => this.#layout.staying(model).size === 0));
    return this.#decisions;
  }

  #placeStanding(model: PlacementModel): void {
    while (this.#layout.count(model.model) < Math.min(leastOf(model), model.max)) {
      if (!this.#place(model, "standing")) return;
    }
  }

  #isPressed({ model, isPressed, max }: PlacementModel): boolean {
    const staying = [...this.#layout.staying(model).values()];
    return isPressed && this.#layout.count(model) < max && staying.every(({ replica }) => replica?.state === "ready");
  }

  /**
   * Free memory is of no use: a replica more is there before anyone has to wait for it, or when another one dies. The next
   * one is always for the model whose replicas have the most to do.
   */
  #fill(models: readonly PlacementModel[]): void {
    const open = new Set(models.filter(({ idleFor, keepAlive }) => idleFor < keepAlive));
    for (;;) {
      const [model] = [...open].sort((a, b) => this.#byUse(a, b));
      if (model === undefined) return;
      const place = this.#layout.count(model.model) < model.max ? this.#freePlace(model) : null;
      if (place === null) open.delete(model);
      else this.#load(place, model, { reason: "memory is free" });
    }
  }

  #byUse(a: PlacementModel, b: PlacementModel): number {
    const use = ({ model, utilisation }: PlacementModel): number =>
      utilisation / Math.max(1, this.#layout.count(model));
    const more = this.#layout.count(a.model) - this.#layout.count(b.model);
    return b.priority - a.priority || use(b) - use(a) || b.bytes - a.bytes || more || byName(a, b);
  }

  #freePlace(model: PlacementModel): Place | null {
    const places = this.#places({ model, urgency: "fill", reason: "" });
    const isNow = ({ isFree, option, node }: Place): boolean =>
      isFree && option.hasFiles && !option.isWaiting && this.#isFreeToLoad(node.nodeId);
    return cheapest(places.filter(isNow));
  }

  /** Returns whether a place was found, now or when others have left. */
  #place(model: PlacementModel, urgency: Exclude<Urgency, "fill">): boolean {
    const want = { model, urgency, reason: reasonOf(model, urgency) };
    const place = cheapest(this.#places(want));
    if (place === null) return urgency !== "pressure" && this.#relocateFor(want);
    this.#take(place, want);
    return true;
  }

  #take(place: Place, { model, reason }: Want): void {
    const { node, option, victims, isFree } = place;
    if (option.isWaiting) {
      this.#layout.reserve(node.nodeId, model.model, option.memory);
      return;
    }
    if (!option.hasFiles) {
      // Nobody has to go before the files are there.
      this.#add({ kind: "fetch", nodeId: node.nodeId, model: model.model, reason });
      this.#layout.reserve(node.nodeId, model.model, option.memory);
      return;
    }
    for (const resident of victims) {
      const retirement = retirementOf(node, resident, {
        eviction: "demand",
        reason: `${model.model} needs its memory`,
      });
      if (retirement !== null) this.#add(retirement);
      this.#layout.retire(node.nodeId, resident);
    }
    if (isFree && this.#isFreeToLoad(node.nodeId)) this.#load(place, model, { reason });
    else this.#layout.reserve(node.nodeId, model.model, option.memory);
  }

  #load({ node, option }: Place, { model }: PlacementModel, why: Pick<Loading, "reason" | "insteadOf">): void {
    this.#loading.set(node.nodeId, option.readyIn);
    this.#layout.reserve(node.nodeId, model, option.memory);
    this.#add({ kind: "load", nodeId: node.nodeId, model, ...why });
  }

  #add(decision: PlacementDecision): void {
    if (decision.kind === "load" && this.#isFreeToLoad(decision.nodeId)) this.#loading.set(decision.nodeId, 0);
    this.#decisions.push(decision);
  }

  #isFreeToLoad(nodeId: NodeId): boolean {
    return !this.#loading.has(nodeId);
  }

  #places(want: Want): Place[] {
    return this.#layout.nodes.flatMap((node) => this.#placeOn(node, want) ?? []);
  }

  #placeOn(node: PlacementNode, want: Want): Place | null {
    const layout = this.#layout;
    const option = want.model.options.get(node.nodeId);
    if (option === undefined || !node.canLoad || node.isDraining) return null;
    if (layout.staying(want.model.model).has(node.nodeId)) return null;
    const base = this.#baseCost(node, option, want);
    const { memory } = option;
    if (layout.fits(node, memory)) return { node, option, victims: [], isFree: true, cost: base };
    if (layout.fits(node, memory, layout.gone(node.nodeId)))
      return { node, option, victims: [], isFree: false, cost: base + goneSeconds };
    const victims = cheapestVictims(layout, node, { want, memory, config: this.#config });
    if (victims === null) return null;
    return { node, option, victims: victims.residents, isFree: false, cost: base + goneSeconds + victims.seconds };
  }

  /** Until it answers, then what a request takes there beside all the others that are asked for on that node. */
  #baseCost(node: PlacementNode, option: LoadOption, { model, urgency }: Want): number {
    let share = 0;
    let busy = 0;
    for (const resident of this.#layout.residents(node.nodeId)) {
      const owner = this.#layout.models.get(resident.model);
      if (owner === undefined || this.#layout.isLeaving(resident)) continue;
      share += owner.utilisation / Math.max(1, this.#layout.count(owner.model));
      busy += neighbourSeconds + (resident.replica?.isBusy === true ? busySeconds : 0);
    }
    const waitsFor = (this.#loading.get(node.nodeId) ?? 0) + (option.isWaiting ? failedSeconds : 0);
    const isToStay = urgency === "standing" || urgency === "fill";
    const requests = isToStay ? standingRequests : Math.min(standingRequests, Math.max(1, model.waiting));
    return waitsFor + option.readyIn + requests * option.requestSeconds * (1 + share) + busy;
  }

  /**
   * Moves what stands in the way to a node that has room for it: it is loaded there first, and leaves here afterwards. The
   * room that it will leave is kept, so that nothing else moves into it: two models would change places without end.
   */
  #relocateFor(want: Want): boolean {
    const layout = this.#layout;
    const targets = layout.nodes.flatMap((node) => {
      const option = want.model.options.get(node.nodeId);
      if (option === undefined || !node.canLoad || node.isDraining || option.isWaiting) return [];
      return layout.staying(want.model.model).has(node.nodeId) ? [] : [{ node, option }];
    });
    const begun = targets.find(({ node, option }) => layout.fits(node, option.memory, this.#goneOrMoving(node)));
    if (begun !== undefined) {
      layout.reserve(begun.node.nodeId, want.model.model, begun.option.memory);
      return true;
    }
    for (const { node, option } of targets) {
      const move = this.#moveFor(node, { want, option });
      if (move === null) continue;
      const reason = `makes room for ${want.model.model} elsewhere`;
      this.#load(move.place, move.model, { reason, insteadOf: move.replicaId });
      this.#moving.add(move.replicaId);
      layout.reserve(node.nodeId, want.model.model, option.memory);
      return true;
    }
    return false;
  }

  /** Those that will be gone, a move of theirs included that was begun in this round or an earlier one. */
  #goneOrMoving({ nodeId }: PlacementNode): Set<Resident> {
    const moving = this.#layout.residents(nodeId).filter((resident) => this.#isMoving(resident));
    return new Set([...this.#layout.gone(nodeId), ...moving]);
  }

  #isMoving({ replica }: Resident): boolean {
    return replica !== null && (replica.isMoving || this.#moving.has(replica.replicaId));
  }

  #moveFor(
    node: PlacementNode,
    { want, option }: { readonly want: Want; readonly option: LoadOption },
  ): { readonly place: Place; readonly model: PlacementModel; readonly replicaId: ReplicaId } | null {
    const layout = this.#layout;
    const gone = layout.gone(node.nodeId);
    for (const resident of layout.residents(node.nodeId)) {
      const model = layout.models.get(resident.model);
      if (model === undefined || gone.has(resident) || resident.replica?.state !== "ready") continue;
      if (this.#isMoving(resident)) continue;
      if (model === want.model || !isStanding(layout, resident)) continue;
      if (!layout.fits(node, option.memory, new Set([...gone, resident]))) continue;
      const place = this.#freePlace(model);
      if (place !== null) return { place, model, replicaId: resident.replica.replicaId };
    }
    return null;
  }
}

/** Whether requests wait for a model that no node has, or is about to have. */
export function isNeeded(layout: Layout, { model, waiting }: PlacementModel): boolean {
  return waiting > 0 && layout.staying(model).size === 0;
}

function reasonOf(model: PlacementModel, urgency: Exclude<Urgency, "fill">): string {
  switch (urgency) {
    case "need":
      return `${model.waiting} requests wait for it`;
    case "standing":
      return `the deployment wants ${leastOf(model)}`;
    case "pressure":
      return `${model.waiting} requests have waited for up to ${Math.round(model.waitingFor)} s`;
  }
}

function cheapest(places: readonly Place[]): Place | null {
  let best: Place | null = null;
  for (const place of places) if (best === null || place.cost < best.cost) best = place;
  return best;
}

function byWaiting(a: PlacementModel, b: PlacementModel): number {
  return b.priority - a.priority || b.waitingFor - a.waitingFor || byName(a, b);
}

/** Big models have the fewest nodes to go to. */
function bySize(a: PlacementModel, b: PlacementModel): number {
  const pins = Number(b.isPinned) - Number(a.isPinned);
  return b.priority - a.priority || pins || b.bytes - a.bytes || byName(a, b);
}

function byName(a: { readonly model: ModelName }, b: { readonly model: ModelName }): number {
  return a.model < b.model ? -1 : Number(a.model > b.model);
}
