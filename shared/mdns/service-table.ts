import type { DiscoveredService, DiscoveryEvent } from "./discovery.ts";
import type { Observation } from "./packet.ts";

/** Where an observation comes from. */
export type ObservationSource = {
  /** The interface that it came in by. */
  readonly link: string;
  /** The sender's address. */
  readonly address: string;
};

export type ServiceTableConfig = {
  readonly type: string;
  /** Services that are held; others are ignored while it is full. */
  readonly servicesMax: number;
  /** Unanswered queries after which a service is down. */
  readonly missedMax: number;
};

type Sighting = {
  address: string;
  port: number | null;
  txt: Readonly<Record<string, string>>;
  unanswered: number;
};

/**
 * What is known of the services of one type. No clock: time is the count of queries, so that a service is down after
 * missed answers and not after the hours of its record's lifetime. A service seen on several interfaces is reported
 * with the one that it was first seen on, as long as that one lasts.
 */
export class ServiceTable {
  readonly #config: ServiceTableConfig;
  readonly #services = new Map<string, Map<string, Sighting>>();

  constructor(config: ServiceTableConfig) {
    this.#config = config;
  }

  observe(observation: Observation, source: ObservationSource): DiscoveryEvent | null {
    const { name } = observation;
    const before = this.#current(name);
    if (observation.isGoodbye) this.#sayGoodbye(name, source);
    else this.#note(observation, source);
    return changeBetween(name, before, this.#current(name));
  }

  /** To be called when a query is about to be sent: those that left too many unanswered are down. */
  countQuery(): readonly DiscoveryEvent[] {
    const events: DiscoveryEvent[] = [];
    for (const [name, sightings] of this.#services) {
      const before = this.#current(name);
      for (const [link, sighting] of sightings) {
        if (sighting.unanswered >= this.#config.missedMax) sightings.delete(link);
        else sighting.unanswered += 1;
      }
      if (sightings.size === 0) this.#services.delete(name);
      const event = changeBetween(name, before, this.#current(name));
      if (event !== null) events.push(event);
    }
    return events;
  }

  /** Names of services whose port is not known yet: to be asked for. */
  incompleteNames(): readonly string[] {
    return [...this.#services.keys()].filter((name) => this.#current(name) === null);
  }

  get size(): number {
    return this.#services.size;
  }

  #note({ name, port, txt }: Observation, { link, address }: ObservationSource): void {
    let sightings = this.#services.get(name);
    if (sightings === undefined) {
      if (this.#services.size >= this.#config.servicesMax) return;
      sightings = new Map();
      this.#services.set(name, sightings);
    }
    const known = sightings.get(link);
    sightings.set(link, { address, port: port ?? known?.port ?? null, txt: txt ?? known?.txt ?? {}, unanswered: 0 });
  }

  /** Only the host that was seen can take its service away, so that a twin's goodbye does not. */
  #sayGoodbye(name: string, { link, address }: ObservationSource): void {
    const sightings = this.#services.get(name);
    if (sightings?.get(link)?.address !== address) return;
    sightings.delete(link);
    if (sightings.size === 0) this.#services.delete(name);
  }

  #current(name: string): DiscoveredService | null {
    for (const { address, port, txt } of this.#services.get(name)?.values() ?? [])
      if (port !== null) return { name, type: this.#config.type, port, txt, address };
    return null;
  }
}

function changeBetween(
  name: string,
  before: DiscoveredService | null,
  after: DiscoveredService | null,
): DiscoveryEvent | null {
  if (after === null) return before === null ? null : { kind: "down", name };
  if (before === null) return { kind: "up", service: after };
  return isSame(before, after) ? null : { kind: "changed", service: after };
}

function isSame(left: DiscoveredService, right: DiscoveredService): boolean {
  const keys = Object.keys(left.txt);
  return (
    left.address === right.address &&
    left.port === right.port &&
    keys.length === Object.keys(right.txt).length &&
    keys.every((key) => left.txt[key] === right.txt[key])
  );
}
