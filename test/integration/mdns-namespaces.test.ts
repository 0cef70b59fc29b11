// Discovery between "hosts": network namespaces on a bridge, with avahi as the independent peer on one of them.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { type Avahi, type AvahiService, startAvahi } from "../support/avahi.ts";
import { createNamespaceNetwork, type NamespaceNetwork, namespaceSkipReason } from "../support/network-namespaces.ts";
import { hasProgram } from "../support/programs.ts";
import { type MdnsPeer, startMdnsPeer } from "../support/start-mdns-peer.ts";
import { waitFor } from "../support/wait-for.ts";

const type = "pomona-node";
const memory = String(64 * 2 ** 30);

/** A node as the suite sees it; made by `startNode`, the one place that knows which program advertises. */
type Node = {
  readonly id: string;
  readonly port: number;
  /** What this node itself sees of the network. */
  readonly sees: MdnsPeer["services"];
  setFreeBytes(bytes: number): void;
  stop(): Promise<void>;
  kill(): Promise<void>;
};

function startNode(prefix: readonly string[], port: number): Node {
  const id = randomBytes(16).toString("hex");
  const txt = {
    v: "1",
    id,
    cluster: "test",
    mem: memory,
    budget: memory,
    free: memory,
    chip: "test",
    gpu: "cpu",
    grpc: String(port),
  };
  const timing = { queryMinMs: 500, queryMaxMs: 1000, rescanMs: 500 };
  const peer = startMdnsPeer({ host: "0.0.0.0", record: { name: id, type, port, txt }, ...timing }, prefix);
  return {
    id,
    port,
    sees: peer.services,
    setFreeBytes: (bytes) => peer.updateTxt({ ...txt, free: String(bytes) }),
    stop: peer.stop,
    kill: peer.kill,
  };
}

function skipReason(): string | false {
  const missing = ["ip", "avahi-daemon", "avahi-browse", "dbus-daemon"].find((program) => !hasProgram(program));
  if (missing !== undefined) return `needs ${missing}: apt-get install iproute2 avahi-daemon avahi-utils dbus`;
  return namespaceSkipReason();
}

suite("multicast DNS between hosts", { skip: skipReason() }, () => {
  let network: NamespaceNetwork | undefined;
  let avahi: Avahi | undefined;
  const nodes: Node[] = [];
  const host = (index: number): NamespaceNetwork["hosts"][number] => {
    const found = network?.hosts[index];
    assert(found !== undefined);
    return found;
  };
  const node = (index: number): Node => {
    const found = nodes[index];
    assert(found !== undefined);
    return found;
  };

  before(async () => {
    network = await createNamespaceNetwork(2);
    avahi = await startAvahi(host(1));
    nodes.push(startNode(host(0).prefix, 18486), startNode(host(1).prefix, 28486));
  });

  after(async () => {
    await Promise.all(nodes.map(({ kill }) => kill()));
    await avahi?.close();
    await network?.close();
  });

  const avahiSees = async (id: string): Promise<AvahiService | null> => {
    const services = (await avahi?.browse(`_${type}._tcp`)) ?? [];
    return services.find(({ name }) => name === id) ?? null;
  };

  // A single look may miss a service whose details are still on their way.
  const untilAvahiSees = async (id: string): Promise<AvahiService> => {
    let service: AvahiService | null = null;
    const look = async (): Promise<boolean> => {
      service = await avahiSees(id);
      return service !== null;
    };
    await waitFor(look, 20_000, "avahi-browse lists the node");
    assert(service !== null);
    return service;
  };

  test("two nodes find each other at the address that they send from", async () => {
    await waitFor(() => node(0).sees.has(node(1).id) && node(1).sees.has(node(0).id), 20_000, "both see each other");
    assert.equal(node(1).sees.get(node(0).id)?.address, host(0).address);
    assert.equal(node(0).sees.get(node(1).id)?.address, host(1).address);
    assert.equal(node(0).sees.get(node(1).id)?.port, node(1).port);
  });

  test("avahi shows id, memory and port, on another host and on its own", async () => {
    for (const { id, port } of nodes) {
      const service = await untilAvahiSees(id);
      assert.equal(service.port, port);
      assert.equal(service.host, `${id}.local`, "the machine's own name is left to its system");
      assert(service.txt.includes(`id=${id}`));
      assert(service.txt.includes(`mem=${memory}`));
      if (id === node(0).id) assert.equal(service.address, host(0).address);
    }
  });

  test("a change of free memory shows in the TXT record, to nodes and to avahi", async () => {
    node(0).setFreeBytes(12345);
    await waitFor(() => node(1).sees.get(node(0).id)?.txt["free"] === "12345", 5000, "the other node sees the change");
    await waitFor(
      async () => (await avahiSees(node(0).id))?.txt.includes("free=12345") === true,
      5000,
      "avahi sees it",
    );
  });

  test("a pulled cable expires, and a cable put back is found again", async () => {
    await host(0).setCable(false);
    await waitFor(() => !node(1).sees.has(node(0).id), 25_000, "expired on the other host");
    await waitFor(() => !node(0).sees.has(node(1).id), 25_000, "expired on the host without a cable");
    await host(0).setCable(true);
    await waitFor(() => node(0).sees.has(node(1).id) && node(1).sees.has(node(0).id), 25_000, "found again");
  });

  test("stopping says goodbye, to nodes and to avahi", async () => {
    await node(0).stop();
    await waitFor(() => !node(1).sees.has(node(0).id), 1000, "the goodbye arrives");
    await waitFor(async () => (await avahiSees(node(0).id)) === null, 5000, "avahi has forgotten it");
    await untilAvahiSees(node(1).id);
  });
});
