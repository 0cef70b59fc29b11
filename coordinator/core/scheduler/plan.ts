// A planning pass over the queue of one model: late binding by the least predicted cost (scheduling study, 2.2 and 2.3).
import type { Candidate, Demand, RunningLoad } from "./candidate.ts";
import { type Considered, type Decision, decisionOf } from "./decision.ts";
import type { OutputLengths } from "./output-lengths.ts";
import { inOrder } from "./queue-order.ts";
import type { SchedulerConfig } from "./scheduler-state.ts";
import { serviceOf, type Tenants } from "./tenants.ts";
import type { WaitingRequest } from "./waiting-request.ts";

export type Planning = {
  /** Every ready replica of the model that may take these requests, busy or not. */
  readonly candidates: readonly Candidate[];
  readonly lengths: OutputLengths;
  readonly tenants: Tenants;
  readonly config: SchedulerConfig;
  readonly nowMs: number;
};

export type Planned<Request> = {
  readonly request: Request;
  readonly chosen: Candidate;
  readonly decision: Decision;
};

/**
 * Binds waiting requests of one model to idle slots, in the order of the queue. A request whose cheapest replica is busy
 * waits for it, and reserves it against those behind. `bind` is called before the next request is planned.
 */
export function planModel<Request extends WaitingRequest>(
  planning: Planning,
  waiting: readonly Request[],
  bind: (planned: Planned<Request>) => void,
): void {
  const { candidates, config, nowMs } = planning;
  const hasIdleSlot = (): boolean => candidates.some((candidate) => candidate.hasIdleSlot);
  if (!hasIdleSlot()) return;
  let planned = 0;
  for (const request of queueOrder(planning, waiting)) {
    planned += 1;
    if (planned > config.plannedMax) return;
    const demand = demandOf(planning, request);
    const isHeldTooLong = nowMs - request.queuedAtMs >= config.holdMaxMs;
    const now = isHeldTooLong ? considerNow(planning, demand) : [];
    const considered = now.length > 0 ? now : considerAll(planning, demand);
    const chosen = choose(considered, config.holdGainSeconds);
    if (chosen === null) return;
    const load = loadOf(demand, chosen);
    if (!chosen.cost.isNow) {
      chosen.candidate.reserve(load);
      continue;
    }
    const size = { promptTokens: demand.tokens, expectedTokens: demand.outputLeft };
    bind({ request, chosen: chosen.candidate, decision: decisionOf(considered, chosen, size) });
    chosen.candidate.add(load);
    if (!hasIdleSlot()) return;
  }
}

/** When a waiting request would begin if nothing else came. */
export type Forecast<Request> = {
  readonly request: Request;
  /** 1 is next. */
  readonly position: number;
  /** Until it has a slot. */
  readonly startSeconds: number;
};

/** Plays the queue onto the replicas. Consumes the candidates: their slots are taken afterwards. */
export function* forecastQueue<Request extends WaitingRequest>(
  planning: Planning,
  waiting: readonly Request[],
  playedMax: number,
): Generator<Forecast<Request>, void, void> {
  let position = 0;
  for (const request of queueOrder(planning, waiting)) {
    position += 1;
    const demand = demandOf(planning, request);
    const chosen = choose(considerAll(planning, demand), 0);
    if (chosen === null || position > playedMax) return;
    yield { request, position, startSeconds: chosen.candidate.reserve(loadOf(demand, chosen)) };
  }
}

function queueOrder<Request extends WaitingRequest>(
  planning: Planning,
  waiting: readonly Request[],
): Generator<Request, void, void> {
  const { tenants, nowMs, config, candidates } = planning;
  const parts = { tenants, nowMs, batchAgesMs: config.batchAgesMs, quantum: config.tenantQuantum };
  const fastest = Math.max(...candidates.map(({ speed }) => speed.prefillTokensPerSecond));
  const rank = (request: Request): number => {
    const demand = demandOf(planning, request);
    const { tokens } = demand;
    const held = waiting.length > heldRankedMax ? 0 : mostHeld(candidates, demand);
    // A due time grants time for the whole prompt; what is held needs none.
    const granted = config.duePrefillFactor * held;
    return request.dueMs + (1000 * (config.sizeFactor * (tokens - held) - granted)) / fastest;
  };
  const ranks = new Map(waiting.map((request) => [request, rank(request)]));
  return inOrder(waiting, parts, {
    rankOf: (request) => ranks.get(request) ?? request.dueMs,
    serviceOf: (request) => {
      const { tokens, outputLeft } = demandOf(planning, request);
      return serviceOf(tokens, outputLeft);
    },
  });
}

/** In a longer queue what is held is not looked up for the order: each pass would cost too much. */
const heldRankedMax = 256;

/** Tokens of a beginning that a replica with an idle slot holds: they are lost when somebody else gets that slot. */
function mostHeld(candidates: readonly Candidate[], demand: Demand): number {
  let most = 0;
  for (const candidate of candidates) if (candidate.hasIdleSlot) most = Math.max(most, candidate.heldTokens(demand));
  return most;
}

function demandOf({ lengths }: Planning, request: WaitingRequest): Demand {
  const { promptTokenIds, emittedTokenIds, prefixHashes, decoding, checkpoint = null } = request;
  return {
    tokens: promptTokenIds.length + emittedTokenIds.length,
    hashes: decoding.logsPrompt === true ? [] : prefixHashes,
    checkpoint,
    outputLeft: lengths.left(emittedTokenIds.length, decoding.maxTokens),
  };
}

function considerAll({ candidates, config }: Planning, demand: Demand): Considered[] {
  const weights = { decode: config.decodeWeight, delay: config.delayWeight };
  return candidates.map((candidate) => ({ candidate, cost: candidate.cost(demand, weights) }));
}

/** The request has waited long enough for something better: what it would cost where a slot is idle. */
function considerNow({ candidates, config }: Planning, demand: Demand): Considered[] {
  const weights = { decode: config.decodeWeight, delay: config.delayWeight };
  return candidates.flatMap((candidate) => {
    const cost = candidate.costNow(demand, weights);
    return cost === null ? [] : [{ candidate, cost }];
  });
}

/** The cheapest; or the cheapest that can begin now, when it costs less than `gainSeconds` more. */
function choose(considered: readonly Considered[], gainSeconds: number): Considered | null {
  const best = firstAmongEqual(considered);
  if (best === null || best.cost.isNow) return best;
  const bestNow = firstAmongEqual(considered.filter(({ cost }) => cost.isNow));
  if (bestNow === null) return best;
  return bestNow.cost.score - best.cost.score < gainSeconds ? bestNow : best;
}

/** Predictions are no better than this: replicas whose costs differ by less are equal, and take turns. */
const equalSeconds = 0.1;

/** Among those that cost as little as the cheapest: the one that holds most of the prompt, else the longest unused. */
function firstAmongEqual(considered: readonly Considered[]): Considered | null {
  let least = Number.POSITIVE_INFINITY;
  for (const { cost } of considered) least = Math.min(least, cost.score);
  let first: Considered | null = null;
  for (const each of considered) {
    if (each.cost.score > least + equalSeconds) continue;
    if (first === null || comesBefore(each, first)) first = each;
  }
  return first;
}

function comesBefore(one: Considered, other: Considered): boolean {
  const difference = (one.cost.hit?.tokens ?? 0) - (other.cost.hit?.tokens ?? 0);
  return difference === 0 ? one.candidate.lastBinding < other.candidate.lastBinding : difference > 0;
}

function loadOf({ tokens, outputLeft }: Demand, { cost }: Considered): RunningLoad {
  const prefillLeft = tokens - Math.min(cost.hit?.tokens ?? 0, tokens - 1);
  return { prefillLeft, outputLeft, contextTokens: tokens, slot: cost.slot };
}
