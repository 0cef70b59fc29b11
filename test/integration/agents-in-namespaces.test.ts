// A pool over several "hosts": real node-agents and a real coordinator find each other by multicast DNS alone.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { type Avahi, type AvahiService, startAvahi } from "../support/avahi.ts";
import {
  createNamespaceNetwork,
  type NamespaceHost,
  type NamespaceNetwork,
  namespaceSkipReason,
} from "../support/network-namespaces.ts";
import { hasProgram } from "../support/programs.ts";
import { endProcess, pomonaPath } from "../support/running-pool.ts";
import { startMdnsPeer } from "../support/start-mdns-peer.ts";
import { waitFor } from "../support/wait-for.ts";

const nodeType = "_pomona-node._tcp";
const budget = 1_000_000_000;

function skipReason(): string | false {
  const missing = ["ip", "avahi-daemon", "avahi-browse", "dbus-daemon", "curl"].find((program) => !hasProgram(program));
  return missing === undefined ? namespaceSkipReason() : `needs ${missing}`;
}

suite("a pool between hosts", { skip: skipReason() }, () => {
  const folder = mkdtempSync(join(tmpdir(), "pomona-hosts-"));
  const processes: ChildProcess[] = [];
  let network: NamespaceNetwork;
  let avahi: Avahi | undefined;

  /** Runs `pomona` on a host, open to its network, without any address of the others. */
  const pomona = (host: NamespaceHost, args: readonly string[]): ChildProcess => {
    const [program, ...prefix] = host.prefix;
    assert.ok(program);
    const child = spawn(
      program,
      [...prefix, process.execPath, pomonaPath, ...args, "--host", "0.0.0.0", "--insecure", "--log-level", "error"],
      { stdio: "ignore" },
    );
    processes.push(child);
    return child;
  };
  const hostOf = (index: number): NamespaceHost => {
    const host = network.hosts[index];
    assert.ok(host);
    return host;
  };
  const startAgent = (index: number): ChildProcess =>
    pomona(hostOf(index), [
      "agent",
      "--state-dir",
      join(folder, `node${index}`),
      "--threads",
      "1",
      "--budget",
      String(budget),
    ]);
  const browse = async (): Promise<readonly AvahiService[]> => (await avahi?.browse(nodeType)) ?? [];
  const get = async (path: string): Promise<string> => {
    const [program, ...prefix] = hostOf(0).prefix;
    assert.ok(program);
    const curl = spawn(program, [...prefix, "curl", "-s", "-m", "5", `http://127.0.0.1:8484${path}`]);
    let text = "";
    for await (const chunk of curl.stdout) text += String(chunk);
    return text;
  };
  const nodesUp = async (): Promise<number> =>
    [...(await get("/metrics")).matchAll(/^pomona_node_up\{[^}]*\} 1$/gm)].length;
  const txtOf = (service: AvahiService, key: string): string | undefined =>
    service.txt.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1);

  before(async () => {
    network = await createNamespaceNetwork(3);
    avahi = await startAvahi(hostOf(2));
  });
  after(async () => {
    await Promise.all(processes.map(endProcess));
    await avahi?.close();
    await network?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("avahi shows id, memory and port of two agents that have no coordinator yet", async () => {
    startAgent(0);
    startAgent(1);
    await waitFor(async () => (await browse()).length === 2, 30_000, "avahi lists both agents");
    for (const service of await browse()) {
      assert.equal(txtOf(service, "id"), service.name);
      assert.equal(txtOf(service, "mem"), String(totalmem()));
      assert.equal(txtOf(service, "budget"), String(budget));
      assert.equal(service.port, 8486);
    }
  });

  test("a coordinator and the agents find each other, and a load shows as less free memory", async () => {
    const before = (await browse()).map((service) => Number(txtOf(service, "free")));
    assert.deepEqual(before, [budget, budget]);
    pomona(hostOf(0), ["coordinator", "--state-dir", join(folder, "coordinator"), "--model", "builtin:tiny"]);
    await waitFor(async () => (await nodesUp()) === 2, 60_000, "both agents are in the pool");
    const isLess = async (): Promise<boolean> => {
      const services = await browse();
      return services.length === 2 && services.every((service) => Number(txtOf(service, "free")) < budget);
    };
    await waitFor(isLess, 30_000, "avahi shows less free memory");
    await waitFor(async () => /"ready":true/.test(await get("/readyz")), 30_000, "the pool is ready");
  });

  test("a pulled cable makes a node dead, and plugged in again it is back", async () => {
    await hostOf(1).setCable(false);
    await waitFor(async () => (await nodesUp()) === 1, 15_000, "the node is dead");
    await hostOf(1).setCable(true);
    await waitFor(async () => (await nodesUp()) === 2, 30_000, "the node is back");
    // Its line is back; that it speaks by multicast again shows only who has heard nothing of it yet.
    const timing = { queryMinMs: 500, queryMaxMs: 1000, rescanMs: 1000 };
    const record = { name: "witness", type: "pomona-node", port: 1, txt: { id: "witness" } };
    const witness = startMdnsPeer({ host: "0.0.0.0", record, ...timing }, hostOf(2).prefix);
    await waitFor(() => witness.services.size === 3, 30_000, "both nodes are heard").finally(() => witness.stop());
  });

  test("an agent that stops says goodbye", async () => {
    const agent = processes[1];
    assert.ok(agent);
    await endProcess(agent);
    await waitFor(async () => (await browse()).length === 1, 30_000, "avahi has forgotten it");
  });
});
