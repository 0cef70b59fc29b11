import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { serviceOf, Tenants } from "./tenants.ts";

test("a tenant that comes back starts level with those who have work", () => {
  const tenants = new Tenants(10);
  tenants.open("busy");
  tenants.charge("busy", 5000);
  tenants.open("new");
  assert.equal(tenants.served("new"), 5000);
  tenants.charge("new", 100);
  tenants.close("new");
  tenants.charge("busy", 900);
  tenants.open("new");
  assert.equal(tenants.served("new"), 5900);
  // One more while it has work changes nothing.
  tenants.charge("busy", 900);
  tenants.open("new");
  assert.equal(tenants.served("new"), 5900);
});

test("whoever comes to an empty pool starts level with the one that had it before", () => {
  const tenants = new Tenants(10);
  tenants.open("a");
  tenants.charge("a", 5000);
  tenants.close("a");
  tenants.open("b");
  assert.equal(tenants.served("b"), 5000);
});

test("tenants by the million are bounded: the ones seen longest ago leave, those with work stay", () => {
  const tenants = new Tenants(100);
  tenants.open("keeps");
  for (let i = 0; i < 1_000_000; i += 1) {
    tenants.open(`t${i}`);
    tenants.close(`t${i}`);
  }
  assert.ok(tenants.size <= 100);
  tenants.charge("keeps", 7);
  assert.equal(tenants.served("keeps"), 7);
});

test("counters never go below zero, whatever is charged and taken back", () => {
  const id = fc.constantFrom("a", "b", "c");
  const action = fc.oneof(
    fc.record({ kind: fc.constant("open" as const), id }),
    fc.record({ kind: fc.constant("close" as const), id }),
    fc.record({ kind: fc.constant("charge" as const), id, service: fc.integer({ min: -10_000, max: 10_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const tenants = new Tenants(2);
      for (const each of actions) {
        if (each.kind === "charge") tenants.charge(each.id, each.service);
        else tenants[each.kind](each.id);
        for (const name of ["a", "b", "c"]) assert.ok(tenants.served(name) >= 0);
      }
    }),
  );
});

test("a generated token costs as much as three of a prompt", () => {
  assert.equal(serviceOf(100, 10), 130);
});
