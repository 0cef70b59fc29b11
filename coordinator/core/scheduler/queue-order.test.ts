import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inOrder } from "./queue-order.ts";
import { Tenants } from "./tenants.ts";
import type { WaitingRequest } from "./waiting-request.ts";

function waiting(order: number, changes: Partial<WaitingRequest> = {}): WaitingRequest {
  return {
    tenant: "",
    priority: "interactive",
    promptTokenIds: [],
    emittedTokenIds: [],
    prefixHashes: [],
    decoding: { maxTokens: 10 },
    arrivedAtMs: 0,
    queuedAtMs: 0,
    dueMs: order,
    order,
    ...changes,
  };
}

const base = { nowMs: 0, batchAgesMs: 1000, quantum: 0 };
const orders = (requests: Iterable<WaitingRequest>): number[] => [...requests].map(({ order }) => order);

test("interactive work comes before batch work, and the earliest due first", () => {
  const queue = [
    waiting(1, { priority: "batch", dueMs: 0 }),
    waiting(2, { dueMs: 30 }),
    waiting(3, { dueMs: 20 }),
    waiting(4, { priority: "batch", dueMs: 0, arrivedAtMs: 0 }),
  ];
  const tenants = new Tenants(10);
  assert.deepEqual(
    orders(inOrder(queue, { ...base, tenants }, { rankOf: ({ dueMs }) => dueMs, serviceOf: () => 1 })),
    [3, 2, 1, 4],
  );
  // Batch work of an age is due like any other.
  assert.deepEqual(
    orders(inOrder(queue, { ...base, tenants, nowMs: 1000 }, { rankOf: ({ dueMs }) => dueMs, serviceOf: () => 1 })),
    [1, 4, 3, 2],
  );
});

test("the tenant that had least comes first; each turn counts at once", () => {
  const tenants = new Tenants(10);
  for (const id of ["a", "b"]) tenants.open(id);
  tenants.charge("a", 25);
  const queue = [1, 2, 3, 4, 5].map((order) => waiting(order, { tenant: order <= 3 ? "a" : "b", dueMs: order }));
  assert.deepEqual(
    orders(inOrder(queue, { ...base, tenants }, { rankOf: ({ dueMs }) => dueMs, serviceOf: () => 10 })),
    [4, 5, 1, 2, 3],
  );
  tenants.charge("b", 20);
  assert.deepEqual(
    orders(inOrder(queue, { ...base, tenants }, { rankOf: ({ dueMs }) => dueMs, serviceOf: () => 10 })),
    [4, 1, 5, 2, 3],
  );
  // Within the quantum both are level, and the due time decides.
  assert.deepEqual(
    orders(inOrder(queue, { ...base, tenants, quantum: 1000 }, { rankOf: ({ dueMs }) => dueMs, serviceOf: () => 10 })),
    [1, 2, 3, 4, 5],
  );
});

test("whoever waits comes exactly once, whatever the due times are", () => {
  const request = fc.record({
    tenant: fc.constantFrom("a", "b", "c"),
    priority: fc.constantFrom("interactive" as const, "batch" as const),
    dueMs: fc.oneof(fc.double({ noNaN: true }), fc.integer()),
    arrivedAtMs: fc.integer(),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
      const queue = requests.map((changes, order) => waiting(order, changes));
      const seen = orders(
        inOrder(queue, { ...base, tenants: new Tenants(10) }, { rankOf: ({ dueMs }) => dueMs, serviceOf: () => 1 }),
      );
      assert.deepEqual(
        [...seen].sort((a, b) => a - b),
        queue.map(({ order }) => order),
      );
    }),
  );
});
