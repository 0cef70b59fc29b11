// Coordinators of one cluster tell each other every second that they are there, and where.
import { subjects } from "@pomona/shared/core/subjects";
import type { Bus } from "@pomona/shared/nats/bus";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { CoordinatorAddress } from "../core/lease.ts";
import { type CoordinatorNews, decodeNews, encodeNews } from "./coordinator-record.ts";

export type CoordinatorFeedDependencies = {
  readonly bus: Bus;
  readonly cluster: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly self: CoordinatorAddress;
  /** What changes of this one. */
  readonly news: () => Pick<CoordinatorNews, "term" | "isActive" | "nodeAddresses">;
  /** Whether another one was heard within a minute. */
  readonly onRivals: (areThere: boolean) => void;
};

const tellEveryMs = 1000;
/** Shown, and told to nodes. */
const freshMs = 3500;
/** One that was heard so long ago may still hold, or take, the lease. */
const rivalMs = 60_000;
const coordinatorsMax = 64;

type Heard = { readonly news: CoordinatorNews; readonly heardAtMs: number };

export class CoordinatorFeed {
  readonly #dependencies: CoordinatorFeedDependencies;
  readonly #heard = new Map<string, Heard>();
  readonly #stops: (() => void)[];
  readonly #teller: NodeJS.Timeout;
  #nodeAddresses: readonly string[] = [];

  constructor(dependencies: CoordinatorFeedDependencies) {
    this.#dependencies = dependencies;
    const { bus, cluster } = dependencies;
    this.#stops = [
      bus.subscribe(subjects(cluster).allCoordinators, (subject, payload) => this.#hear(subject, payload)),
      bus.onStatus((isConnected) => isConnected && this.tell()),
    ];
    this.#teller = setInterval(() => this.tell(), tellEveryMs);
    this.tell();
  }

  /** This one, and those that were heard lately; the active one first. */
  coordinators(): readonly CoordinatorNews[] {
    const { clock } = this.#dependencies;
    const fresh = [...this.#heard.values()].filter(({ heardAtMs }) => clock.nowMs() - heardAtMs < freshMs);
    const all = [this.#own(false), ...fresh.map(({ news }) => news)];
    return all.sort((a, b) => Number(b.isActive) - Number(a.isActive));
  }

  /** host:port of the HTTP of all others that may be there. */
  get otherHttpAddresses(): readonly string[] {
    return [...this.#heard.values()].map(({ news }) => news.httpAddress);
  }

  /** Of the nodes that were alive when the active coordinator was last heard. */
  get nodeAddresses(): readonly string[] {
    return this.#nodeAddresses;
  }

  /** Tells at once. */
  tell(): void {
    this.#publish(false);
    this.#lookForRivals();
  }

  close(): void {
    clearInterval(this.#teller);
    for (const stop of this.#stops) stop();
    this.#publish(true);
  }

  #own(isLeaving: boolean): CoordinatorNews {
    const { self, news } = this.#dependencies;
    return { ...self, ...news(), isLeaving };
  }

  #publish(isLeaving: boolean): void {
    const { bus, cluster, self } = this.#dependencies;
    bus.publish(subjects(cluster).coordinator(self.id), encodeNews(this.#own(isLeaving)));
  }

  #hear(subject: string, payload: Uint8Array): void {
    const { clock, log, self } = this.#dependencies;
    try {
      const news = decodeNews(payload);
      if (news.id === self.id || !subject.endsWith(`.${news.id}`)) return;
      if (news.isActive) this.#nodeAddresses = news.nodeAddresses;
      if (news.isLeaving) this.#heard.delete(news.id);
      else if (this.#heard.has(news.id) || this.#heard.size < coordinatorsMax)
        this.#heard.set(news.id, { news, heardAtMs: clock.nowMs() });
    } catch (error) {
      log.debug({ subject, reason: error instanceof Error ? error.message : String(error) }, "dropped news");
    }
    this.#lookForRivals();
  }

  #lookForRivals(): void {
    const { bus, clock, onRivals } = this.#dependencies;
    // While NATS is away nobody is heard, and everybody may be there.
    if (!bus.isConnected) return;
    for (const [id, { heardAtMs }] of this.#heard) if (clock.nowMs() - heardAtMs > rivalMs) this.#heard.delete(id);
    onRivals(this.#heard.size > 0);
  }
}
