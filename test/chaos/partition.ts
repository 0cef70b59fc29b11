// Lines between hosts that lose everything in one direction or both. By wrong entries in the hosts' tables of neighbours:
// `tc netem` needs a module that not every kernel has.
import { execFile } from "node:child_process";
import { connect } from "node:net";
import { promisify } from "node:util";
import type { NamespaceHost } from "../support/network-namespaces.ts";

const run = promisify(execFile);

/** What a host may be cut off from: sending, receiving, or both. */
export type Cut = "sends nothing" | "receives nothing" | "sends and receives nothing";

/** The description of a host that crosses the border of a process as JSON. */
export type HostLine = Pick<NamespaceHost, "address" | "prefix">;

/** An address that no network card has. */
const nobody = "02:00:00:00:00:99";

/** Between two hosts; nobody is told: packets go to a network card that does not exist. */
export async function cutOff(host: HostLine, peer: HostLine, cut: Cut): Promise<void> {
  for (const [from, to] of directions(host, peer, cut))
    await ip(from, ["neigh", "replace", to.address, "lladdr", nobody, "nud", "permanent", "dev", "eth0"]);
}

/** Undoes a cut. */
export async function heal(host: HostLine, peer: HostLine, cut: Cut): Promise<void> {
  for (const [from, to] of directions(host, peer, cut)) await ip(from, ["neigh", "del", to.address, "dev", "eth0"]);
}

function directions(host: HostLine, peer: HostLine, cut: Cut): (readonly [HostLine, HostLine])[] {
  const sends = [host, peer] as const;
  const receives = [peer, host] as const;
  if (cut === "sends nothing") return [sends];
  return cut === "receives nothing" ? [receives] : [sends, receives];
}

/** Whether a new TCP connection to host:port is answered within a second, by whatever. */
export function isReachable(address: string): Promise<boolean> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    const end = (isAnswered: boolean): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(isAnswered);
    };
    const late = setTimeout(() => end(false), 1000);
    socket.once("connect", () => end(true));
    socket.once("error", () => end(true));
  });
}

/** Turns multicast on the host's line on or off. */
export async function setMulticast(host: HostLine, isOn: boolean): Promise<void> {
  await ip(host, ["link", "set", "eth0", "multicast", isOn ? "on" : "off"]);
}

async function ip({ prefix }: HostLine, args: readonly string[]): Promise<void> {
  const [program = "ip", ...rest] = [...prefix, "ip", ...args];
  await run(program, rest, { timeout: 10_000 });
}
