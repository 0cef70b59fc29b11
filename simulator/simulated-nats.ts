// The NATS server of a simulated pool, in which the lease lies: it crashes, stands still, is slow, and comes back empty.
import type { LeaseEvent, LeaseRecord, LeaseWrite } from "@pomona/coordinator/core/lease";
import type { Random } from "./random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** See `shared/nats/connect-bus.ts` and `nats-bucket.ts`. */
const reconnectMs = 250;
const callTimeoutMs = 2000;
/** Two pings of two seconds without an answer, and the third. */
const silenceMaxMs = 6000;
const lookMs = 100;

/** What coordinators tell each other. */
export type News = { readonly id: string; readonly isLeaving: boolean };

/** One revision of the lease's bucket. */
type Kept = { readonly revision: number; readonly record: LeaseRecord | null };

export class SimulatedNats {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly lines = new Set<NatsLine>();
  #isUp = true;
  #pausedUntilMs = 0;
  /** Counts its starts: connections to an earlier one are dead. */
  incarnation = 1;
  #bucket = 1;
  #kept: Kept = { revision: 0, record: null };
  /** Of every message. */
  addedDelayMs = 0;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get isWell(): boolean {
    return this.#isUp && this.pausedForMs === 0 && this.addedDelayMs === 0;
  }

  get pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#time.nowMs);
  }

  get bucket(): number {
    return this.#bucket;
  }

  get kept(): Kept {
    return this.#kept;
  }

  /** Comes back after a while, with what it has kept or empty. */
  crash(ms: number, isEmptied: boolean): boolean {
    if (!this.#isUp) return false;
    this.#isUp = false;
    this.#pausedUntilMs = 0;
    for (const line of this.lines) line.reset();
    this.#time.after(ms, () => {
      this.#isUp = true;
      this.incarnation += 1;
      if (!isEmptied) return;
      this.#bucket += 1;
      this.#kept = { revision: 0, record: null };
    });
    return true;
  }

  pause(ms: number): boolean {
    if (!this.#isUp || this.pausedForMs > 0) return false;
    this.#pausedUntilMs = this.#time.nowMs + ms;
    return true;
  }

  delayMs(): number {
    return this.#random.between(0.5, this.#random.chance(0.05) ? 200 : 10) + this.addedDelayMs;
  }

  write({ revision, record, sentAtMs }: LeaseWrite): LeaseEvent {
    if (revision !== this.#kept.revision) return { kind: "conflict" };
    this.#kept = { revision: revision + 1, record };
    for (const line of this.lines) line.tellKept(false);
    return { kind: "written", write: { revision, record, sentAtMs }, revision: revision + 1 };
  }

  publish(from: NatsLine, news: News): void {
    for (const line of this.lines) if (line !== from) line.tellNews(news);
  }
}

export type LineParts = {
  readonly nats: SimulatedNats;
  readonly time: VirtualTime;
  readonly random: Random;
  /** Whether nothing passes between this process and the server. */
  readonly isCut: () => boolean;
  /** Lets the process do something, when it runs again. */
  readonly wake: (run: () => void) => void;
  readonly onLease: (event: LeaseEvent) => void;
  readonly onNews: (news: News) => void;
  readonly onStatus: (isConnected: boolean) => void;
};

/** The connection of one coordinator's process, made anew whenever it breaks. */
export class NatsLine {
  readonly #parts: LineParts;
  /** Counts: what comes over an old one is not read any more. 0 while there is none. */
  #connection = 0;
  #connections = 0;
  #knownBucket: number | null = null;
  #arrivesAtMs = 0;
  #silentForMs = 0;
  #incarnation = 0;
  #isClosed = false;

  constructor(parts: LineParts) {
    this.#parts = parts;
    const { time, nats, random } = parts;
    nats.lines.add(this);
    this.#dial(random.between(1, 50));
    time.every(lookMs, () => this.#look());
  }

  get isConnected(): boolean {
    return this.#connection > 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#connection = 0;
    this.#parts.nats.lines.delete(this);
  }

  /** The server has closed the connection, or its machine has. */
  reset(): void {
    const { time, nats, isCut } = this.#parts;
    const connection = this.#connection;
    if (connection > 0 && !isCut()) time.after(nats.delayMs(), () => this.#lose(connection));
  }

  write(write: LeaseWrite): void {
    const { nats, time, wake, onLease } = this.#parts;
    let isAnswered = false;
    const answer = (event: LeaseEvent): void => {
      if (!isAnswered && !this.#isClosed) onLease(event);
      isAnswered = true;
    };
    const isLost = !this.isConnected;
    time.after(isLost ? 0 : callTimeoutMs, () => wake(() => answer({ kind: "unavailable" })));
    if (isLost) return;
    const connection = this.#connection;
    this.#send(connection, () => {
      const event = nats.write(write);
      this.#receive(connection, () => answer(event));
    });
  }

  read(): void {
    this.#send(this.#connection, () => this.tellKept(false));
  }

  publish(news: News): void {
    this.#send(this.#connection, () => this.#parts.nats.publish(this, news));
  }

  /** What somebody else has published arrives, unless the connection breaks before. */
  hear(take: () => void): void {
    this.#receive(this.#connection, take);
  }

  tellNews(news: News): void {
    this.#receive(this.#connection, () => this.#parts.onNews(news));
  }

  /** What the bucket says now, as a watch of it does. */
  tellKept(isSnapshot: boolean): void {
    const { nats, onLease } = this.#parts;
    const { kept, bucket } = nats;
    this.#receive(this.#connection, () => {
      const isNewBucket = isSnapshot && this.#knownBucket !== null && this.#knownBucket !== bucket;
      this.#knownBucket = bucket;
      onLease({ kind: "seen", ...kept, isNewBucket });
    });
  }

  #dial(afterMs: number): void {
    const { time, random, nats, wake, isCut, onStatus } = this.#parts;
    time.after(afterMs, () =>
      wake(() => {
        if (this.#isClosed || this.isConnected) return;
        if (!nats.isUp || nats.pausedForMs > 0 || isCut()) {
          this.#dial(reconnectMs + random.between(0, 100));
          return;
        }
        this.#connections += 1;
        this.#connection = this.#connections;
        this.#silentForMs = 0;
        this.#incarnation = nats.incarnation;
        this.tellKept(true);
        onStatus(true);
      }),
    );
  }

  /** Notices by its pings what nobody says. */
  #look(): boolean {
    const { nats, isCut } = this.#parts;
    if (this.#isClosed) return false;
    const isSilent = isCut() || nats.pausedForMs > 0 || !nats.isUp;
    this.#silentForMs = isSilent ? this.#silentForMs + lookMs : 0;
    const isOld = !isSilent && nats.incarnation !== this.#incarnation;
    if (this.isConnected && (isOld || this.#silentForMs >= silenceMaxMs)) this.#lose(this.#connection);
    return true;
  }

  #lose(connection: number): void {
    const { wake, onLease, onStatus } = this.#parts;
    if (this.#connection !== connection) return;
    this.#connection = 0;
    wake(() => {
      if (this.#isClosed) return;
      onLease({ kind: "away" });
      onStatus(false);
    });
    this.#dial(reconnectMs);
  }

  #send(connection: number, arrive: () => void): void {
    const { time, nats, isCut } = this.#parts;
    const look = (): void => {
      const isOver = connection === 0 || this.#connection !== connection || this.#incarnation !== nats.incarnation;
      if (isOver || !nats.isUp) return;
      const waitMs = isCut() ? lookMs : nats.pausedForMs;
      if (waitMs > 0) time.after(waitMs, look);
      else arrive();
    };
    time.after(nats.delayMs(), look);
  }

  /** In order. */
  #receive(connection: number, take: () => void): void {
    const { time, nats, isCut, wake } = this.#parts;
    if (connection === 0) return;
    const { incarnation } = nats;
    const look = (): void => {
      if (this.#connection !== connection || incarnation !== nats.incarnation) return;
      if (isCut()) time.after(lookMs, look);
      else wake(() => this.#connection === connection && take());
    };
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, time.nowMs + nats.delayMs());
    time.after(this.#arrivesAtMs - time.nowMs, look);
  }
}
