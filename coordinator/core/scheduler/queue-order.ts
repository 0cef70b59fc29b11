// Who is next: interactive before batch, then the tenant that has had least, then the lowest rank.
import type { TenantId } from "@pomona/shared/core/ids";
import type { Tenants } from "./tenants.ts";
import type { WaitingRequest } from "./waiting-request.ts";

export type OrderParts = {
  readonly tenants: Tenants;
  readonly nowMs: number;
  /** Batch work that has waited so long counts as interactive, so that none waits for ever. */
  readonly batchAgesMs: number;
  /** Service by which tenants may differ and still be level: within it the rank decides. */
  readonly quantum: number;
};

export type OrderCalls<Request> = {
  /** Lowest first; any unit. */
  readonly rankOf: (request: Request) => number;
  /** What the tenant will be charged for it. */
  readonly serviceOf: (request: Request) => number;
};

type Line<Request> = { readonly waiting: Request[]; next: number; served: number };

/**
 * Waiting requests in the order in which they are to be planned. What the planner says it would charge for one counts for
 * the order of the rest.
 */
export function* inOrder<Request extends WaitingRequest>(
  waiting: readonly Request[],
  parts: OrderParts,
  calls: OrderCalls<Request>,
): Generator<Request, void, void> {
  const isUrgent = ({ priority, arrivedAtMs }: Request): boolean =>
    priority === "interactive" || parts.nowMs - arrivedAtMs >= parts.batchAgesMs;
  yield* fairly(waiting.filter(isUrgent), parts, calls);
  yield* fairly(
    waiting.filter((record) => !isUrgent(record)),
    parts,
    calls,
  );
}

function* fairly<Request extends WaitingRequest>(
  waiting: readonly Request[],
  { tenants, quantum }: OrderParts,
  calls: OrderCalls<Request>,
): Generator<Request, void, void> {
  const lines = new Map<TenantId, Line<Request>>();
  for (const record of waiting) {
    const line = lines.get(record.tenant);
    if (line === undefined)
      lines.set(record.tenant, { waiting: [record], next: 0, served: tenants.served(record.tenant) });
    else line.waiting.push(record);
  }
  for (const line of lines.values())
    line.waiting.sort((a, b) => calls.rankOf(a) - calls.rankOf(b) || a.order - b.order);
  for (;;) {
    const line = nextLine(lines, quantum, calls.rankOf);
    const record = line?.waiting[line.next];
    if (line === null || record === undefined) return;
    line.next += 1;
    yield record;
    line.served += calls.serviceOf(record);
  }
}

/** Among the tenants that are level with the one that had least, the one whose first request ranks lowest. */
function nextLine<Request extends WaitingRequest>(
  lines: ReadonlyMap<TenantId, Line<Request>>,
  quantum: number,
  rankOf: (request: Request) => number,
): Line<Request> | null {
  let least = Number.POSITIVE_INFINITY;
  for (const { next, waiting, served } of lines.values()) if (next < waiting.length) least = Math.min(least, served);
  let best: Line<Request> | null = null;
  for (const line of lines.values()) {
    const first = line.waiting[line.next];
    if (first === undefined || line.served > least + quantum) continue;
    const bestFirst = best?.waiting[best.next];
    if (bestFirst === undefined || rankOf(first) < rankOf(bestFirst)) best = line;
  }
  return best;
}
