import { type ChildProcess, execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Hosts of their own on one machine: network namespaces on a bridge. Needs root and iproute2. */
export type NamespaceNetwork = {
  readonly hosts: readonly NamespaceHost[];
  /** Removes every namespace, and with them their interfaces. */
  close(): Promise<void>;
};

export type NamespaceHost = {
  /** Its IPv4 address on `eth0`. */
  readonly address: string;
  /** A command that runs another one on this host: `["ip", "netns", "exec", NAME]`. */
  readonly prefix: readonly string[];
  /** Pulls the cable or puts it back. */
  setCable(isPlugged: boolean): Promise<void>;
};

/** Why namespaces cannot be had here; false when they can. For the `skip` option of a test. */
export function namespaceSkipReason(): string | false {
  return process.getuid?.() === 0 ? false : "needs root for network namespaces";
}

/**
 * Joins `count` namespaces by a bridge that stands in another one, so that nothing of this machine's own network
 * changes. Addresses are 10.77.0.1 and up.
 */
export async function createNamespaceNetwork(count: number): Promise<NamespaceNetwork> {
  await removeAbandoned();
  const tag = `pomona-${process.pid}`;
  const names: string[] = [];
  const close = async (): Promise<void> => {
    for (const name of names) await ip("netns", "del", name).catch(() => {});
  };
  const add = async (name: string): Promise<string> => {
    await ip("netns", "add", name);
    names.push(name);
    await ip("-n", name, "link", "set", "lo", "up");
    return name;
  };
  try {
    const bridge = await add(`${tag}-switch`);
    // Without a multicast router on the bridge, snooping would drop multicast after some minutes.
    await ip("-n", bridge, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
    await ip("-n", bridge, "link", "set", "br0", "up");
    const hosts: NamespaceHost[] = [];
    for (let index = 1; index <= count; index += 1)
      hosts.push(await plugIn(bridge, { name: await add(`${tag}-${index}`), index }));
    return { hosts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Namespaces of test processes that were killed before they could clean up. */
async function removeAbandoned(): Promise<void> {
  const { stdout } = await run("ip", ["netns", "list"], { timeout: 10_000 });
  for (const [name, pid] of stdout.matchAll(/^pomona-(\d+)-\w+/gm)) {
    if (!isAlive(Number(pid))) await ip("netns", "del", name).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function plugIn(bridge: string, host: { readonly name: string; readonly index: number }): Promise<NamespaceHost> {
  const { name, index } = host;
  const address = `10.77.0.${index}`;
  const port = `port${index}`;
  await ip("-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
  await ip("-n", bridge, "link", "set", port, "master", "br0", "up");
  await ip("-n", name, "address", "add", `${address}/24`, "dev", "eth0");
  await ip("-n", name, "link", "set", "eth0", "up");
  return {
    address,
    // `ip netns exec` becomes the command, so that signals sent to it arrive there.
    prefix: ["ip", "netns", "exec", name],
    setCable: (isPlugged) => ip("-n", name, "link", "set", "eth0", isPlugged ? "up" : "down"),
  };
}

async function ip(...args: string[]): Promise<void> {
  await run("ip", args, { timeout: 10_000 });
}

/** Ends a process that this test started and waits until it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
  await exited;
  clearTimeout(timer);
}
