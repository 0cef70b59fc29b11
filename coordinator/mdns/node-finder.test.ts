import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiscoveredService } from "@pomona/shared/mdns/discovery";
import { FakeNetwork } from "@pomona/shared/mdns/fake-discovery";
import { findNodes } from "./node-finder.ts";

const id = "c0".repeat(16);
const nodeId = "a1".repeat(16);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function finder() {
  const network = new FakeNetwork();
  const found: string[] = [];
  const gone: string[] = [];
  const stop = findNodes({
    discovery: network.connect(),
    id,
    cluster: "pool-test",
    grpcPort: 8485,
    httpPort: 8484,
    onAddress: (address) => found.push(address),
    onGone: (address) => gone.push(address),
  });
  const offer = (cluster: string, name = nodeId) => {
    const host = network.connect("192.0.2.9");
    return {
      host,
      offered: host.advertise({ name, type: "pomona-node", port: 8486, txt: { v: "1", id: name, cluster } }),
    };
  };
  return { network, found, gone, stop, offer };
}

test("nodes of the own cluster are found at the sender's address, others are left alone", async () => {
  const { found, offer } = finder();
  offer("another-pool", "b2".repeat(16));
  offer("pool-test");
  await turn();
  assert.deepEqual(found, ["192.0.2.9:8486"]);
});

test("a goodbye is passed on, and after it the node is found anew", async () => {
  const { found, gone, offer } = finder();
  const { host } = offer("pool-test");
  await turn();
  await host.close();
  await turn();
  assert.deepEqual(gone, ["192.0.2.9:8486"]);
  offer("pool-test");
  await turn();
  assert.equal(found.length, 2);
});

test("nothing is found after browsing was stopped", async () => {
  const { found, stop, offer } = finder();
  stop();
  offer("pool-test");
  await turn();
  assert.deepEqual(found, []);
});

test("the coordinator offers itself under its id with its ports and cluster", async () => {
  const { network } = finder();
  const services: DiscoveredService[] = [];
  network.connect().browse("pomona", (event) => {
    if (event.kind === "up") services.push(event.service);
  });
  await turn();
  assert.equal(services[0]?.name, id);
  assert.deepEqual(services[0]?.txt, { v: "1", id, cluster: "pool-test", grpc: "8485", http: "8484" });
});
