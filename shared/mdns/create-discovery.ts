import { PomonaError } from "../core/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { checkRecord, checkTxt } from "./check-record.ts";
import type { Advertisement, Discovery, DiscoveryEvent, ServiceRecord } from "./discovery.ts";
import type { InterfaceScan, NetworkInterface } from "./interfaces.ts";
import { MdnsLink } from "./mdns-link.ts";
import { readObservations } from "./packet.ts";
import { ServiceTable } from "./service-table.ts";
import { TxtThrottle } from "./txt-throttle.ts";

export type DiscoveryOptions = {
  /** `interfacesFor(host)`. */
  readonly interfaces: InterfaceScan;
  readonly log: Logger;
  /** Shortest and longest time between two queries; 5,000 and 10,000 ms by default. */
  readonly queryMinMs?: number;
  readonly queryMaxMs?: number;
  /** How often the interfaces are looked at; 5,000 ms by default. */
  readonly rescanMs?: number;
};

const servicesMax = 256;
const missedMax = 3;
const txtIntervalMs = 1000;
const goodbyeTimeoutMs = 1000;
// The first queries of a browse come quickly, one after the other: the answer to one may be lost.
const firstQueryDelaysMs = [1000, 3000];

/** Multicast DNS. Never throws and never fails: what does not work is a warning in the log, and tried again. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  return new MdnsDiscovery(options);
}

type Browse = {
  readonly type: string;
  readonly table: ServiceTable;
  readonly onEvent: (event: DiscoveryEvent) => void;
  queries: number;
  timer: NodeJS.Timeout | null;
};

class MdnsDiscovery implements Discovery {
  readonly #options: DiscoveryOptions;
  readonly #links = new Map<string, MdnsLink>();
  readonly #browses = new Set<Browse>();
  readonly #rescanTimer: NodeJS.Timeout;
  readonly #warned = new Set<string>();
  #record: ServiceRecord | null = null;
  #throttle: TxtThrottle | null = null;
  #isClosed = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#rescan();
    this.#rescanTimer = setInterval(() => this.#rescan(), options.rescanMs ?? 5000);
  }

  advertise(record: ServiceRecord): Advertisement {
    checkRecord(record);
    if (this.#record !== null)
      throw new PomonaError("internal", `a discovery advertises one service, and this one has ${this.#record.name}`);
    this.#record = record;
    for (const link of this.#links.values()) link.advertise(record);
    const throttle = new TxtThrottle(txtIntervalMs, (txt) => this.#announce(txt));
    this.#throttle = throttle;
    return {
      updateTxt: (txt) => {
        checkTxt(txt);
        throttle.update(txt);
      },
    };
  }

  browse(type: string, onEvent: (event: DiscoveryEvent) => void): () => void {
    const table = new ServiceTable({ type, servicesMax, missedMax });
    const browse: Browse = { type, table, onEvent, queries: 0, timer: null };
    this.#browses.add(browse);
    this.#query(browse);
    return () => this.#stopBrowsing(browse);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#rescanTimer);
    this.#throttle?.close();
    for (const browse of this.#browses) this.#stopBrowsing(browse);
    const links = [...this.#links.values()];
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, goodbyeTimeoutMs);
    });
    await Promise.race([Promise.all(links.map((link) => link.close())), timeout]);
    clearTimeout(timer);
    for (const link of links) link.abandon();
  }

  #announce(txt: Readonly<Record<string, string>>): void {
    if (this.#record === null || this.#isClosed) return;
    this.#record = { ...this.#record, txt };
    for (const link of this.#links.values()) link.updateTxt(txt);
  }

  #stopBrowsing(browse: Browse): void {
    if (browse.timer !== null) clearTimeout(browse.timer);
    this.#browses.delete(browse);
  }

  #query(browse: Browse): void {
    for (const event of browse.table.countQuery()) this.#tell(browse, event);
    const incompleteNames = browse.table.incompleteNames();
    for (const link of this.#links.values()) link.query(browse.type, incompleteNames);
    const { queryMinMs = 5000, queryMaxMs = 10_000 } = this.#options;
    const usual = queryMinMs + Math.random() * (queryMaxMs - queryMinMs);
    const delayMs = Math.min(firstQueryDelaysMs[browse.queries] ?? usual, usual);
    browse.queries += 1;
    browse.timer = setTimeout(() => this.#query(browse), delayMs);
  }

  #tell(browse: Browse, event: DiscoveryEvent): void {
    // A listener of an earlier event may have stopped it.
    if (!this.#browses.has(browse)) return;
    try {
      browse.onEvent(event);
    } catch (error) {
      this.#options.log.error({ err: error, type: browse.type }, "discovery listener failed");
    }
  }

  #rescan(): void {
    const found = new Map(this.#options.interfaces().map((entry) => [linkKey(entry), entry]));
    for (const [key, link] of this.#links) {
      if (found.has(key)) continue;
      this.#links.delete(key);
      link.abandon();
    }
    for (const [key, entry] of found) if (!this.#links.has(key)) this.#openLink(key, entry);
    if (found.size === 0) this.#warnOnce("no interface", new Error("no network interface for multicast DNS"));
  }

  #openLink(key: string, entry: NetworkInterface): void {
    const place = { interface: entry.name, address: entry.address };
    const link = new MdnsLink(entry, {
      onResponse: (packet, sender) =>
        this.#receive(packet, { link: `${entry.name} ${entry.address}`, address: sender }),
      onWarning: (error) => this.#warnOnce(entry.address, error),
      onFailure: (error) => {
        this.#warnOnce(entry.address, error);
        // The next look at the interfaces tries again.
        if (this.#links.get(key) === link) this.#links.delete(key);
        link.abandon();
      },
    });
    this.#links.set(key, link);
    this.#options.log.debug(place, "multicast DNS on an interface");
    if (this.#record !== null) link.advertise(this.#record);
    for (const browse of this.#browses) link.query(browse.type, []);
  }

  #receive(packet: unknown, source: { readonly link: string; readonly address: string }): void {
    for (const browse of this.#browses) {
      for (const observation of readObservations(packet, browse.type)) {
        const event = browse.table.observe(observation, source);
        if (event !== null) this.#tell(browse, event);
      }
    }
  }

  /** A missing route fails at every packet: each reason is said once a place. */
  #warnOnce(place: string, error: Error): void {
    const code = "code" in error ? String(error.code) : error.message;
    const seen = `${place} ${code}`;
    if (this.#warned.has(seen) || this.#warned.size > 64 || this.#isClosed) return;
    this.#warned.add(seen);
    const fix = "name addresses by --peer and --node where discovery does not work";
    this.#options.log.warn({ place, reason: error.message, fix }, "multicast DNS does not work as it should");
  }
}

/** Differs when an interface was made anew with its old address: its old membership is dead. */
function linkKey({ name, address, mac }: NetworkInterface): string {
  return `${name} ${address} ${mac}`;
}
