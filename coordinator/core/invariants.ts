// What must hold of a state after every step. Used by the simulator and the tests, which stop at the first violation.
import { heldBytes } from "@pomona/shared/core/replica-memory";
import type { Member, RequestRecord, StepContext } from "./state.ts";
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
    if (context.state.boundByReplica.get(place.replicaId)?.has(requestId) !== true)
      yield `request ${requestId} is bound to ${place.replicaId} and not counted there`;
    const member = context.state.members.get(place.nodeId);
    if (member === undefined || member.state === "dead" || !member.isLinkUp)
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

/** Members are within their limit, and no node's models need more than its budget. */
function* memberViolations({ state, config }: StepContext): Generator<string> {
  if (state.members.size > config.membersMax) yield `${state.members.size} members`;
  for (const member of state.members.values()) {
    const { budgetBytes } = member.status.capacity;
    // What a node holds is its own affair; what it is asked to load on top is the coordinator's.
    if (member.loading === null) continue;
    const reserved = reservedBytes(member);
    if (reserved > budgetBytes) yield `node ${member.nodeId} has ${reserved} bytes reserved of ${budgetBytes}`;
  }
}

/** Its replicas, and the load that it was asked for, where its heartbeats do not name that yet. */
function reservedBytes({ status, loading, loadFailures }: Member): number {
  // A heartbeat may have left before a load failed that the node has told of since.
  const held = status.replicas.filter(
    ({ state, model, replicaId }) => state !== "failed" && loadFailures.get(model)?.replicaId !== replicaId,
  );
  const sum = heldBytes(held.map(({ memory }) => memory));
  const isListed = status.replicas.some((replica) => replica.replicaId === loading?.replicaId);
  return loading === null || isListed ? sum : heldBytes([...held.map(({ memory }) => memory), loading.memory]);
}

/**
 * No request waits while every replica of its model is empty: then none is worth waiting for. Holds after every event but
 * frames that are passed on: those free no slot, so nothing is dispatched after them.
 */
export function idleSlotViolations(context: StepContext): string[] {
  const { state, nowMs } = context;
  const found: string[] = [];
  const seen = new Set<string>();
  for (const { model, requestId, promptDigest } of state.queue) {
    if (seen.has(model)) continue;
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
