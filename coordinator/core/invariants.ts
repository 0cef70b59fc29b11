// What must hold of a state after every step. Used by the simulator and the tests, which stop at the first violation.
import type { ReplicaStatus } from "@pomona/shared/core/node-status";
import { heldBytes } from "@pomona/shared/core/replica-memory";
import { budgetOf, isDraining, settingsOf } from "./deployments.ts";
import type { Announcement, Effect, EffectOf } from "./effect.ts";
import { letsOthersFirst } from "./engine-deaths.ts";
import { takesWork } from "./membership.ts";
import { holdsFiles } from "./model-sources.ts";
import { heldMemories, otherBytesOf } from "./placement-problem.ts";
import type { RequestRecord, StepContext } from "./state.ts";
import { readyReplicas } from "./views.ts";

/** Every rule that a state breaks after any event, as a sentence with the values; empty when it is sound. */
export function violations(context: StepContext): string[] {
  return [
    ...queueViolations(context),
    ...bindingViolations(context),
    ...requestViolations(context),
    ...memberViolations(context),
  ];
}

/** The queue holds each waiting request once, in the order of arrival, and no more new ones than its limit. */
function* queueViolations({ state, config }: StepContext): Generator<string> {
  let order = 0;
  for (const record of state.queue) {
    const { requestId } = record;
    if (record.order <= order) yield `request ${requestId} stands behind a later one in the queue`;
    order = record.order;
    if (record.place.kind !== "queued") yield `request ${requestId} is in the queue and ${record.place.kind}`;
    if (state.requests.get(requestId) !== record) yield `request ${requestId} is in the queue after its end`;
  }
  const newOnes = state.queue.filter((record) => record.epoch === 0).length;
  if (newOnes > config.queueLengthMax) yield `${newOnes} new requests wait, more than ${config.queueLengthMax}`;
}

/** The accounting of slots and the places of requests say the same, and no replica is bound beyond its slots. */
function* bindingViolations({ state }: StepContext): Generator<string> {
  for (const [replicaId, bound] of state.boundByReplica) {
    if (bound.size === 0) yield `replica ${replicaId} is kept in the accounting with nothing bound`;
    for (const requestId of bound) {
      const place = state.requests.get(requestId)?.place;
      const isCrashed = (state.requests.get(requestId)?.engineCrashes ?? 0) > 0;
      if (isCrashed && bound.size > 1) yield `request ${requestId} is in quarantine and not alone on ${replicaId}`;
      if (place?.kind !== "bound" || place.replicaId !== replicaId)
        yield `replica ${replicaId} counts request ${requestId}, which is not bound to it`;
    }
  }
  for (const member of state.members.values()) {
    for (const { replicaId, slots } of member.status.replicas) {
      const bound = state.boundByReplica.get(replicaId)?.size ?? 0;
      if (bound > slots) yield `replica ${replicaId} has ${slots} slots and ${bound} requests`;
    }
  }
}

function* requestViolations(context: StepContext): Generator<string> {
  const waiting = new Set(context.state.queue);
  for (const record of context.state.requests.values()) {
    yield* countViolations(context, record);
    const { requestId, place } = record;
    if (place.kind === "queued") {
      if (!waiting.has(record)) yield `request ${requestId} waits and is not in the queue`;
      continue;
    }
    const isCounted = context.state.boundByReplica.get(place.replicaId)?.has(requestId) === true;
    if (isCounted !== place.holdsSlot)
      yield `request ${requestId} is bound to ${place.replicaId} and ${isCounted ? "holds no slot" : "is not counted"} there`;
    const member = context.state.members.get(place.nodeId);
    if (member === undefined || member.state === "dead")
      yield `request ${requestId} is bound to node ${place.nodeId}, which is gone`;
    if (record.epoch < 1) yield `request ${requestId} is bound without an epoch`;
  }
}

/** Limits of one request. */
function* countViolations({ config }: StepContext, record: RequestRecord): Generator<string> {
  const { requestId, moves, engineCrashes, emittedTokenIds, decoding } = record;
  const { maxTokens } = decoding;
  if (emittedTokenIds.length > maxTokens) yield `request ${requestId} has more than its ${maxTokens} tokens`;
  if (moves > config.movesMax) yield `request ${requestId} moved ${moves} times`;
  if (engineCrashes >= config.engineCrashesMax)
    yield `request ${requestId} lives after ${engineCrashes} engine crashes`;
}

function* memberViolations({ state, config }: StepContext): Generator<string> {
  if (state.members.size > config.membersMax) yield `${state.members.size} members`;
}

/**
 * What must hold of what a step has decided, before it is carried out: what is known of a node changes the moment after. A
 * load fits beside all that the node is known to hold and is the only one there, and nothing leaves that is in use or pinned.
 */
export function decisionViolations(context: StepContext, effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind === "loadReplica") return [...loadViolations(context, effect)];
    if (effect.kind === "unloadReplica") return [...unloadViolations(context, effect)];
    if (effect.kind !== "announce" || effect.announcement.kind !== "replicaRetired") return [];
    return [...retirementViolations(context, effect.announcement)];
  });
}

function* loadViolations(
  { state }: StepContext,
  { nodeId, replicaId, spec: { model } }: EffectOf<"loadReplica">,
): Generator<string> {
  const member = state.members.get(nodeId);
  const deployment = state.deployments.get(model);
  const name = `the load of ${model} on node ${nodeId}`;
  if (member === undefined || deployment === undefined || member.loading?.replicaId !== replicaId) {
    yield `${name} is asked for and not known`;
    return;
  }
  if (!takesWork(member) || isDraining(state, member) || settingsOf(state, nodeId).isCordoned)
    yield `${name} is decided although it takes no more models`;
  const isOther = (replica: ReplicaStatus): boolean => replica.state === "loading" && replica.failure === null;
  if (member.status.replicas.some(isOther)) yield `${name} is decided while it loads another one`;
  if (member.status.replicas.some((replica) => replica.replicaId === replicaId))
    yield `${name} has a name that is taken`;
  if (!holdsFiles(state, member, deployment)) yield `${name} is decided without its files`;
  const bytes = heldBytes([...heldMemories(member), member.loading.memory]);
  const room = budgetOf(state, member) - otherBytesOf(member);
  if (bytes > room) yield `${name} makes ${bytes} bytes of ${room}`;
}

function* unloadViolations(
  { state }: StepContext,
  { nodeId, replicaId }: EffectOf<"unloadReplica">,
): Generator<string> {
  const replica = state.members.get(nodeId)?.status.replicas.find((each) => each.replicaId === replicaId);
  const bound = state.boundByReplica.get(replicaId)?.size ?? 0;
  const running = replica?.running.length ?? 0;
  if (bound + running > 0) yield `replica ${replicaId} is unloaded with ${bound} requests bound and ${running} running`;
}

type Retired = Extract<Announcement, { kind: "replicaRetired" }>;

/** A pinned model keeps a replica, whoever else wants its memory and however long nobody has asked for it. */
function* retirementViolations({ state }: StepContext, { nodeId, model, eviction }: Retired): Generator<string> {
  if (eviction !== "demand" && eviction !== "idle") return;
  if (state.deployments.get(model)?.record.spec.isPinned !== true) return;
  for (const member of state.members.values()) {
    const isKept = ({ replicaId, model: other, state: replicaState }: ReplicaStatus): boolean =>
      other === model && replicaState === "ready" && !member.leaving.has(replicaId);
    if (member.status.replicas.some(isKept)) return;
  }
  yield `the last replica of ${model} leaves node ${nodeId} for ${eviction}, and it is pinned`;
}

/**
 * No request waits while every replica of its model is empty: then none is worth waiting for. Holds after every event but
 * frames that are passed on, and those after which a long queue is not gone through again so soon.
 */
export function idleSlotViolations(context: StepContext): string[] {
  const { state, nowMs } = context;
  const found: string[] = [];
  if (state.scheduler.pass.isOwed) return found;
  const seen = new Set<string>();
  for (const record of state.queue) {
    const { model, requestId, promptDigest } = record;
    if (seen.has(model) || letsOthersFirst(record, nowMs)) continue;
    seen.add(model);
    const ready = readyReplicas(state, model, promptDigest).filter(({ replica }) => replica.slots > 0);
    const isAsked = ready.every(({ replica }) => nowMs >= (state.avoidUntilMs.get(replica.replicaId) ?? 0));
    const isEmpty = ready.every(
      (each) => !state.boundByReplica.has(each.replica.replicaId) && each.replica.running.length === 0,
    );
    if (ready.length > 0 && isAsked && isEmpty) found.push(`request ${requestId} waits although the pool is empty`);
  }
  return found;
}
