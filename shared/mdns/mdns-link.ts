import { Bonjour, type Service, type ServiceConfig } from "bonjour-service";
import type { ServiceRecord } from "./discovery.ts";
import { isOnLink, type NetworkInterface } from "./interfaces.ts";
import { typeDomain } from "./packet.ts";

export type MdnsLinkDependencies = {
  /** Called with each response of a neighbour, as decoded. */
  readonly onResponse: (packet: unknown, sender: string) => void;
  /** Called when something did not work; the link goes on. */
  readonly onWarning: (error: Error) => void;
  /** Called when the socket cannot be used: the link is to be closed. */
  readonly onFailure: (error: Error) => void;
};

// What bonjour-service keeps private: the socket with its raw packets, and the records that it answers with. Its public
// surface has no change of a TXT record, no error events, and reports hosts that vanished as living.
type MulticastSocket = {
  on(event: "response", listener: (packet: unknown, sender: { readonly address: string }) => void): void;
  on(event: "warning" | "error", listener: (error: Error) => void): void;
  query(questions: { questions: readonly Question[] }, done: (error?: Error | null) => void): void;
  respond(packet: { answers: readonly DnsAnswer[] }, done: (error?: Error | null) => void): void;
};
type DnsAnswer = { readonly name: string; readonly type: string; data: unknown; ttl?: number; flush?: boolean };
type BonjourInside = {
  readonly server: { readonly mdns: MulticastSocket; readonly registry: Readonly<Record<string, DnsAnswer[]>> };
};

export type Question = { readonly name: string; readonly type: "PTR" | "SRV" | "TXT" };

/** Multicast DNS on one network interface: one bonjour instance, at most one service. */
export class MdnsLink {
  readonly #bonjour: Bonjour;
  readonly #inside: BonjourInside["server"];
  readonly #dependencies: MdnsLinkDependencies;
  #service: Service | null = null;
  #isClosed = false;

  constructor(networkInterface: NetworkInterface, dependencies: MdnsLinkDependencies) {
    this.#dependencies = dependencies;
    // `bind` is missing in the types. Bound to the interface's own address the socket would hear no multicast.
    const options = { interface: networkInterface.address, bind: "0.0.0.0" } as Partial<ServiceConfig>;
    this.#bonjour = new Bonjour(options, (error: Error) => dependencies.onWarning(error));
    // Private in the types, there at run time: see BonjourInside.
    this.#inside = (this.#bonjour as unknown as BonjourInside).server;
    const { mdns } = this.#inside;
    mdns.on("warning", (error) => dependencies.onWarning(error));
    mdns.on("error", (error) => dependencies.onFailure(error));
    mdns.on("response", (packet, { address }) => {
      // A socket on 0.0.0.0 hears what any interface of this machine hears.
      if (!this.#isClosed && isOnLink(address, networkInterface)) dependencies.onResponse(packet, address);
    });
  }

  advertise({ name, type, port, txt }: ServiceRecord): void {
    // The host is named after the service: the machine's own name belongs to its system's responder. Probing would
    // let the instances of one process refuse each other's names.
    const host = `${name}.local`;
    this.#service = this.#bonjour.publish({ name, type, port, txt: { ...txt }, host, probe: false });
  }

  /** Announces a changed TXT record without a down and an up in between. */
  updateTxt(txt: Readonly<Record<string, string>>): void {
    const service = this.#service;
    if (service === null || this.#isClosed) return;
    service.txt = { ...txt };
    const own = (type: string): DnsAnswer[] =>
      (this.#inside.registry[type] ?? []).filter(({ name }) => name === service.fqdn);
    // Changed in place, because bonjour announces the same objects again later.
    for (const record of own("TXT")) record.data = Object.entries(txt).map((entry) => Buffer.from(entry.join("=")));
    const pointers = (this.#inside.registry["PTR"] ?? []).filter(({ data }) => data === service.fqdn);
    const unique = [...own("SRV"), ...own("TXT")].map((record) => ({ ...record, flush: true }));
    this.#inside.mdns.respond({ answers: [...pointers, ...unique] }, (error) => this.#warn(error));
  }

  query(type: string, incompleteNames: readonly string[]): void {
    if (this.#isClosed) return;
    const domain = typeDomain(type);
    const details = incompleteNames.slice(0, 16).flatMap((name): readonly Question[] => [
      { name: `${name}.${domain}`, type: "SRV" },
      { name: `${name}.${domain}`, type: "TXT" },
    ]);
    const questions: readonly Question[] = [{ name: domain, type: "PTR" }, ...details];
    this.#inside.mdns.query({ questions }, (error) => this.#warn(error));
  }

  /** Says goodbye, waits until it is sent, and closes the socket. The caller limits the wait. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await new Promise<void>((resolve) => this.#bonjour.unpublishAll(() => resolve()));
    this.abandon();
  }

  /** Closes the socket without a goodbye. */
  abandon(): void {
    this.#isClosed = true;
    try {
      this.#bonjour.destroy();
    } catch (error) {
      // Closing a socket that failed to open throws.
      if (error instanceof Error) this.#dependencies.onWarning(error);
    }
  }

  #warn(error: Error | null | undefined): void {
    if (error instanceof Error && !this.#isClosed) this.#dependencies.onWarning(error);
  }
}
