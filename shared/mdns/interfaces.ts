import { networkInterfaces } from "node:os";

/** One IPv4 address of one network interface of this machine. */
export type NetworkInterface = {
  /** eth0, en0, ... */
  readonly name: string;
  readonly address: string;
  readonly netmask: string;
  /** An interface made anew with the same address has another one. */
  readonly mac: string;
};

/** Lists the interfaces to use now; asked again every few seconds, because interfaces come and go. */
export type InterfaceScan = () => readonly NetworkInterface[];

/**
 * The interfaces that belong to a bind address: loopback for 127.0.0.1 and `localhost`, every other IPv4 interface
 * for 0.0.0.0, else the one that has the address (none while it has gone).
 */
export function interfacesFor(host: string): InterfaceScan {
  const wanted = host === "localhost" ? "127.0.0.1" : host;
  return () => {
    const found: NetworkInterface[] = [];
    for (const [name, addresses] of Object.entries(networkInterfaces())) {
      for (const { address, netmask, mac, family, internal } of addresses ?? []) {
        if (family !== "IPv4") continue;
        if (wanted === "0.0.0.0" ? !internal : address === wanted) found.push({ name, address, netmask, mac });
      }
    }
    return found;
  };
}

/** Whether a sender is a neighbour on this interface's network: others have no business in multicast DNS (RFC 6762, 11). */
export function isOnLink(sender: string, { address, netmask }: NetworkInterface): boolean {
  const mask = toNumber(netmask);
  return (toNumber(sender) & mask) === (toNumber(address) & mask);
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => (sum << 8) | Number(part), 0);
}
