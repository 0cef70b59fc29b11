// The NATS server of a simulated pool, in which the lease lies: it crashes, stands still, is slow, and comes back empty.
import type { LeaseEvent, LeaseRecord, LeaseWrite } from "@pomona/coordinator/core/lease";
import { Pipe } from "./pipe.ts";
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

type Connection = { readonly incarnation: number; readonly toServer: Pipe; readonly fromServer: Pipe };

/** The connection of one coordinator's process, made anew whenever it breaks. */
export class NatsLine {
  readonly #parts: LineParts;
  #connection: Connection | null = null;
  #knownBucket: number | null = null;
  #silentForMs = 0;
  #isClosed = false;

  constructor(parts: LineParts) {
    this.#parts = parts;
    const { time, nats, random } = parts;
    nats.lines.add(this);
    this.#dial(random.between(1, 50));
    time.every(lookMs, () => this.#look());
  }

  get isConnected(): boolean {
    return this.#connection !== null;
  }

  close(): void {
    this.#isClosed = true;
    this.#cut();
    this.#parts.nats.lines.delete(this);
  }

  /** The server has closed the connection, or its machine has. */
  reset(): void {
    const { time, nats, isCut } = this.#parts;
    const connection = this.#connection;
    if (connection !== null && !isCut()) time.after(nats.delayMs(), () => this.#lose(connection));
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
    this.#send(() => {
      const event = nats.write(write);
      this.#receive(() => answer(event));
    });
  }

  read(): void {
    this.#send(() => this.tellKept(false));
  }

  publish(news: News): void {
    this.#send(() => this.#parts.nats.publish(this, news));
  }

  /** What somebody else has published arrives, unless the connection breaks before. */
  hear(take: () => void): void {
    this.#receive(take);
  }

  tellNews(news: News): void {
    this.#receive(() => this.#parts.onNews(news));
  }

  /** What the bucket says now, as a watch of it does. */
  tellKept(isSnapshot: boolean): void {
    const { nats, onLease } = this.#parts;
    const { kept, bucket } = nats;
    this.#receive(() => {
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
        this.#connection = this.#connect();
        this.#silentForMs = 0;
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
    const isOld = !isSilent && nats.incarnation !== this.#connection?.incarnation;
    if (this.#connection !== null && (isOld || this.#silentForMs >= silenceMaxMs)) this.#lose(this.#connection);
    return true;
  }

  #lose(connection: Connection): void {
    const { wake, onLease, onStatus } = this.#parts;
    if (this.#connection !== connection) return;
    this.#cut();
    wake(() => {
      if (this.#isClosed) return;
      onLease({ kind: "away" });
      onStatus(false);
    });
    this.#dial(reconnectMs);
  }

  #connect(): Connection {
    const { time, nats, isCut } = this.#parts;
    const delayMs = (): number => nats.delayMs();
    return {
      incarnation: nats.incarnation,
      toServer: new Pipe(time, delayMs, () => isCut() || !nats.isUp || nats.pausedForMs > 0),
      fromServer: new Pipe(time, delayMs, isCut),
    };
  }

  #cut(): void {
    for (const pipe of [this.#connection?.toServer, this.#connection?.fromServer]) if (pipe) pipe.isOpen = false;
    this.#connection = null;
  }

  #send(arrive: () => void): void {
    const connection = this.#connection;
    connection?.toServer.send(() => {
      if (connection.incarnation === this.#parts.nats.incarnation) arrive();
    });
  }

  #receive(take: () => void): void {
    const connection = this.#connection;
    connection?.fromServer.send(() => this.#parts.wake(() => this.#connection === connection && take()));
  }
}
