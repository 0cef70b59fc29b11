import { PomonaError } from "../core/errors.ts";
import { checkRecord, checkTxt } from "./check-record.ts";
import type { Advertisement, DiscoveredService, Discovery, DiscoveryEvent, ServiceRecord } from "./discovery.ts";
import { TxtThrottle } from "./txt-throttle.ts";

/** An in-memory local network for tests. Every listener hears of a change in a later turn of the event loop. */
export class FakeNetwork {
  readonly #members = new Set<FakeDiscovery>();

  /** A host on this network. */
  connect(address = "192.0.2.1"): Discovery {
    const member = new FakeDiscovery(this, address);
    this.#members.add(member);
    return member;
  }

  /** The host is gone without a goodbye, and the three answers that it owes have been missed. */
  lose(discovery: Discovery): void {
    for (const member of this.#members) if (member === discovery) this.leave(member);
  }

  services(): readonly DiscoveredService[] {
    return [...this.#members].flatMap((member) => (member.service === null ? [] : [member.service]));
  }

  leave(member: FakeDiscovery): void {
    this.#members.delete(member);
    if (member.service !== null) this.tell(member.service.type, { kind: "down", name: member.service.name });
  }

  tell(type: string, event: DiscoveryEvent): void {
    for (const member of this.#members) member.hear(type, event);
  }
}

type FakeBrowse = { readonly type: string; readonly onEvent: (event: DiscoveryEvent) => void };

class FakeDiscovery implements Discovery {
  readonly #network: FakeNetwork;
  readonly #address: string;
  readonly #browses = new Set<FakeBrowse>();
  #throttle: TxtThrottle | null = null;
  service: DiscoveredService | null = null;

  constructor(network: FakeNetwork, address: string) {
    this.#network = network;
    this.#address = address;
  }

  advertise(record: ServiceRecord): Advertisement {
    checkRecord(record);
    if (this.service !== null)
      throw new PomonaError("internal", `a discovery advertises one service, and this one has ${this.service.name}`);
    const service = { ...record, address: this.#address };
    this.service = service;
    this.#network.tell(record.type, { kind: "up", service });
    const throttle = new TxtThrottle(1000, (txt) => {
      this.service = { ...service, txt };
      this.#network.tell(record.type, { kind: "changed", service: this.service });
    });
    this.#throttle = throttle;
    return {
      updateTxt: (txt) => {
        checkTxt(txt);
        throttle.update(txt);
      },
    };
  }

  browse(type: string, onEvent: (event: DiscoveryEvent) => void): () => void {
    const browse = { type, onEvent };
    this.#browses.add(browse);
    for (const service of this.#network.services())
      if (service.type === type) this.#deliver(browse, { kind: "up", service });
    return () => void this.#browses.delete(browse);
  }

  close(): Promise<void> {
    this.#throttle?.close();
    this.#browses.clear();
    this.#network.leave(this);
    this.service = null;
    return Promise.resolve();
  }

  hear(type: string, event: DiscoveryEvent): void {
    for (const browse of this.#browses) if (browse.type === type) this.#deliver(browse, event);
  }

  #deliver(browse: FakeBrowse, event: DiscoveryEvent): void {
    setImmediate(() => {
      if (this.#browses.has(browse)) browse.onEvent(event);
    });
  }
}
