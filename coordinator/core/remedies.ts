// What would make a model fit: the cheapest ways, worked out with the same estimates as everything else.
import { totalBytes } from "@pomona/shared/core/replica-memory";
import { hasLabels, settingsOf } from "./deployments.ts";
import type { Remedy } from "./placement/placement-report.ts";
import type { PlacementNode, PlacementProblem, PlacementReplica } from "./placement/problem.ts";
import { sizeText } from "./size-text.ts";
import type { ClusterState, Deployment, Member, ModelFacts } from "./state.ts";

/** A way with what it gives up: 0 is nothing, 1 is all. */
type Way = { readonly remedy: Remedy; readonly loss: number };

const remediesMax = 3;
const contextStep = 256;
const contextMin = 512;
/** A smaller file answers worse, whatever its size: it comes after all that changes only how many are served. */
const quantLoss = 1;

/** The best way of each kind over all nodes, the cheapest first. */
export function remediesFor(state: ClusterState, deployment: Deployment, problem: PlacementProblem): Remedy[] {
  const { facts } = deployment;
  if (facts === null) return [];
  const best = new Map<Remedy["kind"], Way>();
  const estimates = new Map<string, number>();
  for (const node of problem.nodes) {
    const member = state.members.get(node.nodeId);
    if (member === undefined || !node.canLoad || node.isDraining) continue;
    if (!hasLabels(state, member, deployment) || settingsOf(state, node.nodeId).isCordoned) continue;
    if (node.replicas.some(({ model }) => model === deployment.model)) continue;
    for (const way of waysOn({ member, node, deployment, facts, known: estimates }, problem)) {
      const known = best.get(way.remedy.kind);
      if (known === undefined || way.loss < known.loss) best.set(way.remedy.kind, way);
    }
  }
  return [...best.values()]
    .sort((a, b) => a.loss - b.loss)
    .slice(0, remediesMax)
    .map(({ remedy }) => remedy);
}

type Place = {
  readonly member: Member;
  readonly node: PlacementNode;
  readonly deployment: Deployment;
  readonly facts: ModelFacts;
  /** Estimates made so far. */
  readonly known: Map<string, number>;
};

function* waysOn(place: Place, problem: PlacementProblem): Generator<Way> {
  const { node } = place;
  const held = node.replicas.reduce((sum, { memory }) => sum + totalBytes(memory), 0);
  const freeBytes = node.budgetBytes - node.otherBytes - held;
  const unload = unloading(place, problem, freeBytes);
  if (unload !== null) yield unload;
  const context = smallerContext(place, freeBytes);
  if (context !== null) yield context;
  const slots = fewerSlots(place, freeBytes);
  if (slots !== null) yield slots;
  const quant = smallerQuant(place, freeBytes);
  if (quant !== null) yield quant;
}

/** Nodes of one kind need the same, and an estimate takes half a millisecond. */
function neededBytes({ member, deployment, facts, known }: Place, contextLength: number, slots: number): number {
  const { gpu } = member.status.capacity;
  const key = `${gpu} ${contextLength} ${slots}`;
  const { engine } = deployment.record.spec;
  const bytes = known.get(key) ?? totalBytes(facts.sizing.memoryFor({ contextLength, slots, engine, gpu }));
  known.set(key, bytes);
  return bytes;
}

function smallerContext(place: Place, freeBytes: number): Way | null {
  const { deployment, facts, member } = place;
  const { slots, model } = deployment.record.spec;
  const whole = facts.contextLength;
  let fits = 0;
  let low = 1;
  let high = Math.floor((whole - 1) / contextStep);
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    if (neededBytes(place, middle * contextStep, slots) <= freeBytes) {
      fits = middle * contextStep;
      low = middle + 1;
    } else high = middle - 1;
  }
  if (fits < contextMin) return null;
  const text = `give ${model} a context of ${fits} tokens instead of ${whole}: it fits on ${nameOf(member)} then`;
  return { remedy: { kind: "smaller_context", text, nodeId: member.nodeId }, loss: 1 - fits / whole };
}

function fewerSlots(place: Place, freeBytes: number): Way | null {
  const { deployment, facts, member } = place;
  const { slots, model } = deployment.record.spec;
  for (let fewer = slots - 1; fewer >= 1; fewer -= 1) {
    if (neededBytes(place, facts.contextLength, fewer) > freeBytes) continue;
    const count = fewer === 1 ? "1 slot" : `${fewer} slots`;
    const text = `give ${model} ${count} instead of ${slots}: it fits on ${nameOf(member)} then`;
    return { remedy: { kind: "fewer_slots", text, nodeId: member.nodeId }, loss: 1 - fewer / slots };
  }
  return null;
}

function smallerQuant(place: Place, freeBytes: number): Way | null {
  const { deployment, facts, member } = place;
  const memory = facts.memory[member.status.capacity.gpu];
  const weightsMax = freeBytes - (totalBytes(memory) - memory.weightsBytes);
  // Less than two bits a weight, for one that had four: nobody makes that.
  if (weightsMax < memory.weightsBytes / 2 || weightsMax >= memory.weightsBytes) return null;
  const text =
    `take a variant of ${deployment.model} of at most ${sizeText(weightsMax)} instead of ` +
    `${sizeText(memory.weightsBytes)}: it fits on ${nameOf(member)} then`;
  const loss = quantLoss + 1 - weightsMax / memory.weightsBytes;
  return { remedy: { kind: "smaller_quant", text, nodeId: member.nodeId }, loss };
}

/** Whoever is asked for least goes first, until there is room. */
function unloading(place: Place, { models }: PlacementProblem, freeBytes: number): Way | null {
  const { node, member, deployment, facts } = place;
  const useOf = ({ model }: PlacementReplica): number => models.find((each) => each.model === model)?.utilisation ?? 0;
  const isPinned = ({ model }: PlacementReplica): boolean =>
    models.find((each) => each.model === model)?.isPinned === true;
  const needed = neededBytes(place, facts.contextLength, deployment.record.spec.slots);
  const leaving: PlacementReplica[] = [];
  let free = freeBytes;
  const candidates = node.replicas.filter((replica) => !isPinned(replica));
  for (const replica of candidates.sort((a, b) => useOf(a) - useOf(b))) {
    if (free >= needed) break;
    leaving.push(replica);
    free += totalBytes(replica.memory);
  }
  if (free < needed || leaving.length === 0) return null;
  const what = leaving.map(({ model, memory }) => `${model} (${sizeText(totalBytes(memory))})`).join(" and ");
  const use = leaving.reduce((sum, replica) => sum + useOf(replica), 0);
  const text = `unload ${what} from ${nameOf(member)}`;
  return { remedy: { kind: "unload", text, nodeId: member.nodeId }, loss: 0.25 * leaving.length + use };
}

function nameOf({ status, nodeId }: Member): string {
  return status.hostname || nodeId.slice(0, 8);
}
