import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DiscoveryEvent } from "./discovery.ts";
import type { Observation } from "./packet.ts";
import { ServiceTable } from "./service-table.ts";

const eth = { link: "eth0 10.0.0.9", address: "10.0.0.1" };
const wifi = { link: "wlan0 10.1.0.9", address: "10.1.0.1" };

function createTable(): ServiceTable {
  return new ServiceTable({ type: "pomona-node", servicesMax: 256, missedMax: 3 });
}

function seen(name: string, more: Partial<Observation> = {}): Observation {
  return { name, port: 8486, txt: { free: "1" }, isGoodbye: false, ...more };
}

test("a service is down after three missed answers, and not before", () => {
  const table = createTable();
  assert.equal(table.observe(seen("a"), eth)?.kind, "up");
  for (let query = 0; query < 3; query += 1) assert.deepEqual(table.countQuery(), []);
  assert.deepEqual(table.countQuery(), [{ kind: "down", name: "a" }]);
  assert.equal(table.size, 0);
});

test("any answer counts as a sign of life", () => {
  const table = createTable();
  table.observe(seen("a"), eth);
  for (let query = 0; query < 20; query += 1) {
    assert.deepEqual(table.countQuery(), []);
    if (query % 3 === 2) assert.equal(table.observe(seen("a"), eth), null);
  }
});

test("a service is up once its port is known, and asked for until then", () => {
  const table = createTable();
  assert.equal(table.observe(seen("a", { port: null, txt: null }), eth), null);
  assert.deepEqual(table.incompleteNames(), ["a"]);
  const event = table.observe(seen("a", { txt: null }), eth);
  assert.deepEqual(event, {
    kind: "up",
    service: { name: "a", type: "pomona-node", port: 8486, txt: {}, address: "10.0.0.1" },
  });
  assert.deepEqual(table.incompleteNames(), []);
});

test("a changed TXT record is a change, a repeated one is not, and a missing one keeps the last", () => {
  const table = createTable();
  table.observe(seen("a"), eth);
  assert.equal(table.observe(seen("a"), eth), null);
  assert.equal(table.observe(seen("a", { txt: { free: "2" } }), eth)?.kind, "changed");
  assert.equal(table.observe(seen("a", { txt: null, port: null }), eth), null);
});

test("goodbye takes a service away at once, but not the goodbye of another host", () => {
  const table = createTable();
  table.observe(seen("a"), eth);
  const goodbye = seen("a", { isGoodbye: true });
  assert.equal(table.observe(goodbye, { ...eth, address: "10.0.0.66" }), null);
  assert.deepEqual(table.observe(goodbye, eth), { kind: "down", name: "a" });
});

test("a service on two interfaces moves to the other one when the first is lost", () => {
  const table = createTable();
  assert.equal(table.observe(seen("a"), eth)?.kind, "up");
  assert.equal(table.observe(seen("a"), wifi), null);
  const event = table.observe(seen("a", { isGoodbye: true }), eth);
  assert(event?.kind === "changed");
  assert.equal(event.service.address, "10.1.0.1");
});

test("at most 256 services are held, and a place that becomes free is used again", () => {
  const table = createTable();
  for (let index = 0; index < 300; index += 1) table.observe(seen(`n${index}`), eth);
  assert.equal(table.size, 256);
  assert.equal(table.observe(seen("late"), eth), null);
  table.observe(seen("n7", { isGoodbye: true }), eth);
  assert.equal(table.observe(seen("late"), eth)?.kind, "up");
});

test("whatever comes, each name's events are up, changes, down, in turn", () => {
  const step = fc.oneof(
    fc.record({
      name: fc.constantFrom("a", "b", "c"),
      port: fc.constantFrom(null, 1, 2),
      txt: fc.constantFrom(null, {}, { free: "1" }),
      isGoodbye: fc.boolean(),
      source: fc.constantFrom(eth, wifi, { ...eth, address: "10.0.0.2" }),
    }),
    fc.constant("query" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new ServiceTable({ type: "t", servicesMax: 2, missedMax: 2 });
      const up = new Set<string>();
      const check = (event: DiscoveryEvent | null): void => {
        if (event === null) return;
        const name = event.kind === "down" ? event.name : event.service.name;
        assert.equal(up.has(name), event.kind !== "up", event.kind);
        if (event.kind === "down") up.delete(name);
        else up.add(name);
      };
      for (const entry of steps) {
        if (entry === "query") table.countQuery().forEach(check);
        else check(table.observe(entry, entry.source));
        assert(table.size <= 2);
      }
    }),
  );
});
