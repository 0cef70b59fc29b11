// Who is next: interactive before batch, then the tenant that has had least, then the earliest due.
import type { TenantId } from "@pomona/shared/core/ids";
import type { Tenants } from "./tenants.ts";
import type { WaitingRequest } from "./waiting-request.ts";

export type OrderParts = {
  readonly tenants: Tenants;
  readonly nowMs: number;
  /** Batch work that has waited so long counts as interactive, so that none waits for ever. */
  readonly batchAgesMs: number;
  /** Service by which tenants may differ and still be level: within it the earlier due time decides. */
  readonly quantum: number;
};

type Line<Request> = { readonly waiting: Request[]; next: number; served: number };

/**
 * Waiting requests in the order in which they are to be planned. What the planner says it would charge for one counts for
 * the order of the rest.
 */
export function* inOrder<Request extends WaitingRequest>(
  waiting: readonly Request[],
  parts: OrderParts,
  serviceOf: (record: Request) => number,
): Generator<Request, void, void> {
  const isUrgent = ({ priority, arrivedAtMs }: Request): boolean =>
    priority === "interactive" || parts.nowMs - arrivedAtMs >= parts.batchAgesMs;
  yield* fairly(waiting.filter(isUrgent), parts, serviceOf);
  yield* fairly(
    waiting.filter((record) => !isUrgent(record)),
    parts,
    serviceOf,
  );
}

function* fairly<Request extends WaitingRequest>(
  waiting: readonly Request[],
  { tenants, quantum }: OrderParts,
  serviceOf: (record: Request) => number,
): Generator<Request, void, void> {
  const lines = new Map<TenantId, Line<Request>>();
  for (const record of waiting) {
    const line = lines.get(record.tenant);
    if (line === undefined)
      lines.set(record.tenant, { waiting: [record], next: 0, served: tenants.served(record.tenant) });
    else line.waiting.push(record);
  }
  for (const line of lines.values()) line.waiting.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
  for (;;) {
    const line = nextLine(lines, quantum);
    const record = line?.waiting[line.next];
    if (line === null || record === undefined) return;
    line.next += 1;
    yield record;
    line.served += serviceOf(record);
  }
}

/** Among the tenants that are level with the one that had least, the one whose first request is due first. */
function nextLine<Request extends WaitingRequest>(
  lines: ReadonlyMap<TenantId, Line<Request>>,
  quantum: number,
): Line<Request> | null {
  let least = Number.POSITIVE_INFINITY;
  for (const { next, waiting, served } of lines.values()) if (next < waiting.length) least = Math.min(least, served);
  let best: Line<Request> | null = null;
  for (const line of lines.values()) {
    const first = line.waiting[line.next];
    if (first === undefined || line.served > least + quantum) continue;
    const bestFirst = best?.waiting[best.next];
    if (bestFirst === undefined || first.dueMs < bestFirst.dueMs) best = line;
  }
  return best;
}
