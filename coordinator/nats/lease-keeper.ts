// Carries out what `core/lease.ts` decides: reads and writes the bucket of the lease, and looks at the clock.
import { join } from "node:path";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Bucket, BucketChange, BucketEntry } from "@pomona/shared/nats/bucket";
import type { Bus } from "@pomona/shared/nats/bus";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import { readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import {
  type CoordinatorAddress,
  defaultLeaseConfig,
  initialLease,
  isLeading,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseRecord,
  type LeaseState,
  type LeaseWrite,
  otherHolder,
  stepLease,
} from "../core/lease.ts";
import { decodeLease, encodeLease } from "./coordinator-record.ts";

export type LeaseKeeperConfig = {
  readonly cluster: string;
  /** NATS servers of a cluster that keep the lease. */
  readonly natsReplicas: number;
  /** Where it is remembered who held the lease last. */
  readonly stateDir: string;
  readonly self: CoordinatorAddress;
};

export type LeaseKeeperDependencies = {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Active from now on, or active already and of this term from now on. */
  readonly onLead: (term: number) => void;
  readonly onFollow: (reason: string) => void;
  /**
   * Another coordinator holds the lease from now on, or, with null, none other does. `wasGivenBack` says that the last one
   * stops in order: it still brings to an end what it can.
   */
  readonly onOtherHolder: (holder: CoordinatorAddress | null, wasGivenBack: boolean) => void;
};

const key = "active";
const tickMs = 50;

/** Holds the lease `pomona-<cluster>-lease`, or waits for it. */
export class LeaseKeeper {
  readonly #dependencies: LeaseKeeperDependencies;
  readonly #memory: LeaseMemory;
  readonly #state: LeaseState;
  readonly #bucket: Bucket;
  readonly #ticker: NodeJS.Timeout;
  readonly #stopListening: (() => void)[];
  #bucketId: string | null = null;
  /** Whether the present connection has said what is there: what comes before is of the last one. */
  #hasSnapshot = false;
  #othersRenewals = 0;
  #toldHolder = "";
  #giving: Promise<unknown> = Promise.resolve();

  constructor(
    { cluster, natsReplicas: replicas, stateDir, self }: LeaseKeeperConfig,
    dependencies: LeaseKeeperDependencies,
  ) {
    const { bus, clock, log } = dependencies;
    this.#dependencies = dependencies;
    this.#memory = new LeaseMemory(join(stateDir, `lease-${cluster}.json`), log);
    this.#state = initialLease(self, { startedAtMs: clock.nowMs(), ...this.#memory.read() });
    this.#bucket = bus.openBucket({ name: `pomona-${cluster}-lease`, replicas });
    this.#stopListening = [
      bus.onStatus((isConnected) => isConnected || this.#lose()),
      this.#bucket.watch((change) => this.#change(change)),
    ];
    this.#ticker = setInterval(() => this.#take({ kind: "tick" }), tickMs);
  }

  /** Looks at the clock first: true only for who may act as the active one now. */
  isLeading(): boolean {
    this.#take({ kind: "tick" });
    return isLeading(this.#state, this.#dependencies.clock.nowMs());
  }

  /** Of the reign while there is one, else the highest that is known. */
  get term(): number {
    return this.#state.reign?.term ?? this.#state.term;
  }

  /** Whether another holder has renewed the lease while this one looked on. */
  get seesLivingHolder(): boolean {
    return this.#othersRenewals > 0 && this.#toldHolder !== "";
  }

  /** Whether others are there that could take the lease over. */
  setRivals(areThere: boolean): void {
    if (areThere !== this.#state.hasRivals) this.#take({ kind: "rivals", areThere });
  }

  /** Somebody has heard of this term: whoever is active with a lower one gives up. */
  supersede(term: number): void {
    if (term > this.term) this.#take({ kind: "superseded", term });
  }

  /** Gives the lease back, so that the next one need not wait, and never takes it again. */
  async giveBack(): Promise<void> {
    this.#take({ kind: "closing" });
    await this.#giving;
  }

  /** Gives the lease back, and looks no more who has it. */
  async close(): Promise<void> {
    this.#take({ kind: "closing" });
    clearInterval(this.#ticker);
    for (const stop of this.#stopListening) stop();
    await this.#giving;
  }

  #take(event: LeaseEvent): void {
    const { clock } = this.#dependencies;
    const effects = stepLease(event, { state: this.#state, nowMs: clock.nowMs(), config: defaultLeaseConfig });
    this.#remember();
    for (const effect of effects) this.#carryOut(effect);
    this.#tellOtherHolder();
  }

  #tellOtherHolder(): void {
    const holder = otherHolder(this.#state);
    const told = holder === null ? "" : `${holder.id} ${holder.term}`;
    if (told === this.#toldHolder) return;
    this.#toldHolder = told;
    const record = this.#state.seen?.record ?? null;
    this.#dependencies.onOtherHolder(holder, record !== null && record.holder === null);
  }

  #carryOut(effect: LeaseEffect): void {
    const { onLead, onFollow } = this.#dependencies;
    switch (effect.kind) {
      case "write":
        this.#giving = this.#write(effect.write);
        return;
      case "read":
        void this.#read();
        return;
      case "lead":
        onLead(effect.term);
        return;
      case "follow":
        onFollow(effect.reason);
        return;
    }
  }

  async #write(write: LeaseWrite): Promise<void> {
    const { record, revision } = write;
    const value = encodeLease(record);
    const call = revision === 0 ? this.#bucket.create(key, value) : this.#bucket.update(key, value, revision);
    const outcome = await call;
    if (outcome.kind === "written") this.#take({ kind: "written", write, revision: outcome.revision });
    else this.#take({ kind: outcome.kind });
  }

  async #read(): Promise<void> {
    const outcome = await this.#bucket.get(key);
    if (outcome.kind === "found" && this.#hasSnapshot) this.#see(outcome.entry, false);
  }

  #lose(): void {
    this.#hasSnapshot = false;
    this.#take({ kind: "away" });
  }

  #change(change: BucketChange): void {
    if (change.kind === "snapshot") {
      const isNewBucket = this.#bucketId !== null && this.#bucketId !== change.bucketId;
      this.#bucketId = change.bucketId;
      this.#hasSnapshot = true;
      const entry = change.entries.find((each) => each.key === key);
      if (entry !== undefined) this.#see(entry, isNewBucket);
      else this.#take({ kind: "seen", revision: 0, record: null, isNewBucket });
    } else if (change.kind === "set" && this.#hasSnapshot && change.entry.key === key) {
      this.#see(change.entry, false);
      if (this.#toldHolder !== "") this.#othersRenewals += 1;
    }
  }

  #see({ value, revision }: BucketEntry, isNewBucket: boolean): void {
    this.#take({ kind: "seen", revision, record: this.#decode(value), isNewBucket });
  }

  /** What is no lease is nobody's: it is replaced like one whose holder has died. */
  #decode(value: Uint8Array): LeaseRecord | null {
    try {
      return decodeLease(value);
    } catch (error) {
      const reason = error instanceof PomonaError ? error.message : String(error);
      this.#dependencies.log.error({ reason }, "the lease cannot be read");
      return null;
    }
  }

  #remember(): void {
    const { seen, reign, self, term } = this.#state;
    const rememberedHolder = reign === null ? (seen?.record?.holder?.id ?? null) : self.id;
    if (rememberedHolder !== null) this.#memory.write({ term, rememberedHolder });
  }
}

type Remembered = { readonly term: number; readonly rememberedHolder: string | null };

const nothing: Remembered = { term: 0, rememberedHolder: null };

/** The highest term, and who held the lease last: for a start while NATS is away, or after it has lost everything. */
class LeaseMemory {
  readonly #path: string;
  readonly #log: Logger;
  #written = "";

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  read(): Remembered {
    try {
      const { term, rememberedHolder } = JSON.parse(readTextIfPresent(this.#path) ?? "{}") as Partial<Remembered>;
      if (typeof term !== "number" || !Number.isSafeInteger(term) || typeof rememberedHolder !== "string")
        return nothing;
      return { term, rememberedHolder };
    } catch (error) {
      this.#log.warn({ path: this.#path, err: error }, "what was known of the lease cannot be read");
      return nothing;
    }
  }

  write(remembered: Remembered): void {
    const text = JSON.stringify(remembered);
    if (text === this.#written) return;
    this.#written = text;
    try {
      writeFileAtomically(this.#path, text);
    } catch (error) {
      this.#log.warn({ path: this.#path, err: error }, "what is known of the lease cannot be kept");
    }
  }
}
