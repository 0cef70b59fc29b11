import assert from "node:assert/strict";
import { test } from "node:test";
import { createDiscovery } from "@pomona/shared/mdns/create-discovery";
import type { DiscoveryEvent } from "@pomona/shared/mdns/discovery";
import { FakeNetwork } from "@pomona/shared/mdns/fake-discovery";
import { interfacesFor } from "@pomona/shared/mdns/interfaces";
import { createLogger, createSilentLogger } from "@pomona/shared/runtime/logger";
import { startMdnsPeer } from "../support/start-mdns-peer.ts";
import { waitFor } from "../support/wait-for.ts";
import { createRecord, discoveryCompliance } from "./discovery-compliance.ts";

const log = createSilentLogger();
const loopback = interfacesFor("127.0.0.1");

discoveryCompliance("in memory", () => new FakeNetwork());
discoveryCompliance("multicast DNS on loopback", () => ({
  connect: () => createDiscovery({ interfaces: loopback, log }),
}));

test("a process that was killed is down after three missed answers, and its siblings stay", async () => {
  const record = createRecord();
  const timing = { host: "127.0.0.1", queryMinMs: 200, queryMaxMs: 300, rescanMs: 5000 };
  const peer = startMdnsPeer({ ...timing, record });
  const sibling = startMdnsPeer({ ...timing, record: createRecord({ type: record.type }) });
  const discovery = createDiscovery({ interfaces: loopback, log, queryMinMs: 200, queryMaxMs: 300 });
  const events: DiscoveryEvent[] = [];
  try {
    discovery.browse(record.type, (event) => events.push(event));
    await waitFor(() => events.length === 2, 10_000, "both are found");
    await peer.kill();
    await waitFor(() => events.length === 3, 5000, "the killed one is down");
    assert.deepEqual(events[2], { kind: "down", name: record.name });
    await sibling.stop();
    await waitFor(() => events.length === 4, 1000, "the stopped one says goodbye");
  } finally {
    await Promise.all([peer.kill(), sibling.kill(), discovery.close()]);
  }
});

test("an address that this machine does not have is a warning, and nothing throws", async () => {
  const missing = [{ name: "gone0", address: "192.0.2.77", netmask: "255.255.255.0", mac: "00:00:00:00:00:01" }];
  const lines: string[] = [];
  const warnings = createLogger({ name: "test", level: "warn", stream: { write: (line: string) => lines.push(line) } });
  const often = { queryMinMs: 20, queryMaxMs: 30, rescanMs: 20 };
  const discovery = createDiscovery({ interfaces: () => missing, log: warnings, ...often });
  discovery.advertise(createRecord()).updateTxt({ free: "2" });
  const events: DiscoveryEvent[] = [];
  discovery.browse("pomona-node", (event) => events.push(event));
  const nowhere = createDiscovery({ interfaces: () => [], log: warnings, ...often });
  nowhere.advertise(createRecord());
  await waitFor(() => lines.length === 2, 2000, "one warning for each");
  for (const line of lines) assert.match(line, /--peer/);
  await Promise.all([discovery.close(), nowhere.close()]);
  assert.deepEqual(events, []);
});

test("an interface that comes later is used, and one that goes takes its services along", async () => {
  const record = createRecord();
  let interfaces = interfacesFor("127.0.0.1")().slice(0, 0);
  const options = { interfaces: () => interfaces, log, queryMinMs: 100, queryMaxMs: 150, rescanMs: 50 };
  const [advertiser, browser] = [createDiscovery({ interfaces: loopback, log }), createDiscovery(options)];
  const events: DiscoveryEvent[] = [];
  advertiser.advertise(record);
  browser.browse(record.type, (event) => events.push(event));
  interfaces = loopback().slice();
  await waitFor(() => events.length === 1, 5000);
  interfaces = [];
  await waitFor(() => events.length === 2, 5000);
  assert.deepEqual(events[1], { kind: "down", name: record.name });
  await Promise.all([advertiser.close(), browser.close()]);
});
