import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { afterEach, suite, test } from "node:test";
import type { Discovery, DiscoveryEvent, ServiceRecord } from "@pomona/shared/mdns/discovery";
import { waitFor } from "../support/wait-for.ts";

/** Makes members of one local network. */
export type DiscoveryWorld = { connect(): Discovery };

/** A service type that no other test or pool on this machine uses. */
export function uniqueServiceType(): string {
  return `pt-${randomBytes(4).toString("hex")}`;
}

export function createRecord(more: Partial<ServiceRecord> = {}): ServiceRecord {
  const name = randomBytes(16).toString("hex");
  return { name, type: uniqueServiceType(), port: 8486, txt: { v: "1", free: "1000" }, ...more };
}

/** What every Discovery must do, whatever is behind it. */
export function discoveryCompliance(name: string, createWorld: () => DiscoveryWorld): void {
  suite(`discovery compliance: ${name}`, () => {
    const world = createWorld();
    const open = new Set<Discovery>();
    const connect = (): Discovery => {
      const discovery = world.connect();
      open.add(discovery);
      return discovery;
    };
    const watch = (type: string): { readonly events: DiscoveryEvent[]; readonly stop: () => void } => {
      const events: DiscoveryEvent[] = [];
      return { events, stop: connect().browse(type, (event) => events.push(event)) };
    };
    afterEach(async () => {
      await Promise.all([...open].map((discovery) => discovery.close()));
      open.clear();
    });

    test("a service is found with port, TXT record and the sender's address, by earlier and later browsers", async () => {
      const record = createRecord();
      const early = watch(record.type);
      connect().advertise(record);
      await waitFor(() => early.events.length > 0, 5000);
      const late = watch(record.type);
      await waitFor(() => late.events.length > 0, 5000);
      for (const { events } of [early, late]) {
        assert.equal(events.length, 1);
        const [event] = events;
        assert(event?.kind === "up");
        const { address, ...service } = event.service;
        assert.deepEqual(service, record);
        assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
      }
    });

    test("a changed TXT record is a change, without a down and an up", async () => {
      const record = createRecord();
      const { events } = watch(record.type);
      const advertisement = connect().advertise(record);
      await waitFor(() => events.length === 1, 5000);
      advertisement.updateTxt({ v: "1", free: "500", gpu: "cpu" });
      await waitFor(() => events.length === 2, 2000);
      const [, event] = events;
      assert(event?.kind === "changed");
      assert.deepEqual(event.service.txt, { v: "1", free: "500", gpu: "cpu" });
      const late = watch(record.type);
      await waitFor(() => late.events.length === 1, 5000);
      assert(late.events[0]?.kind === "up");
      assert.equal(late.events[0].service.txt["free"], "500");
    });

    test("of many changes within a second the last one wins, and few are announced", async () => {
      const record = createRecord();
      const { events } = watch(record.type);
      const advertisement = connect().advertise(record);
      await waitFor(() => events.length === 1, 5000);
      for (let free = 1; free <= 50; free += 1) advertisement.updateTxt({ free: String(free) });
      const last = (): string | undefined => {
        const event = events.at(-1);
        return event?.kind === "changed" ? event.service.txt["free"] : undefined;
      };
      await waitFor(() => last() === "50", 5000);
      assert.equal(events.length, 3, "up, the first change, the last change");
    });

    test("closing says goodbye, and leaves the others of the same type", async () => {
      const type = uniqueServiceType();
      const { events } = watch(type);
      const [leaving, staying] = [connect(), connect()];
      const record = createRecord({ type });
      leaving.advertise(record);
      staying.advertise(createRecord({ type }));
      await waitFor(() => events.length === 2, 5000);
      await leaving.close();
      await waitFor(() => events.length === 3, 1000);
      assert.deepEqual(events[2], { kind: "down", name: record.name });
      const late = watch(type);
      await waitFor(() => late.events.length === 1, 5000);
    });

    test("a browser hears nothing of other types, and nothing after it stopped", async () => {
      const record = createRecord();
      const [other, stopped, witness] = [watch(uniqueServiceType()), watch(record.type), watch(record.type)];
      stopped.stop();
      connect().advertise(record);
      await waitFor(() => witness.events.length === 1, 5000);
      assert.deepEqual([other.events, stopped.events], [[], []]);
    });

    test("records that DNS cannot carry are refused", () => {
      const discovery = connect();
      for (const wrong of [
        { name: "a.b" },
        { name: "" },
        { port: 0 },
        { type: "Not A Type" },
        { txt: { a: "x".repeat(255) } },
      ])
        assert.throws(() => discovery.advertise(createRecord(wrong)), { code: "invalid_request" });
      const advertisement = discovery.advertise(createRecord());
      assert.throws(() => advertisement.updateTxt({ "=": "x" }), { code: "invalid_request" });
    });

    test("closing twice is harmless", async () => {
      const discovery = connect();
      discovery.advertise(createRecord());
      await discovery.close();
      await discovery.close();
    });
  });
}
