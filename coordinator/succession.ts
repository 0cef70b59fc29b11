// Whether this coordinator is the active one: begins and ends being it as the lease comes and goes, one after the other.
import { setMaxListeners } from "node:events";
import type { TermSource } from "@pomona/shared/grpc/coordinator-term";
import type { Bus } from "@pomona/shared/nats/bus";
import { systemClock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { ActiveCoordinator } from "./active-coordinator.ts";
import type { CoordinatorAddress } from "./core/lease.ts";
import { CoordinatorFeed } from "./nats/coordinator-feed.ts";
import type { CoordinatorNews } from "./nats/coordinator-record.ts";
import { LeaseKeeper } from "./nats/lease-keeper.ts";
import { highestActiveTerm } from "./standby/ask-terms.ts";
import type { ActiveElsewhere, Duty } from "./standby/duty.ts";

export type SuccessionConfig = { readonly cluster: string; readonly natsReplicas: number; readonly stateDir: string };

export type SuccessionDependencies = {
  /** null without NATS: then this one is always active, with term 0. */
  readonly bus: Bus | null;
  readonly log: Logger;
  /** Nodes that the last active one knew. */
  readonly start: (nodeAddresses: readonly string[]) => Promise<ActiveCoordinator>;
  /** `active` has changed. */
  readonly onChange: () => void;
};

type OwnNews = Pick<CoordinatorNews, "term" | "isActive" | "nodeAddresses">;

/** A start waits so long until somebody is active: longer than a lease lasts, or NATS is waited for. */
const decisionMs = 8000;
const pollMs = 10;
const askEveryMs = 500;
/** A standby takes a lease that was given back within milliseconds. */
const yieldMs = 1000;
/** One that stops has ended all of its answers by then. */
const retiringMs = 10_000;

export class Succession {
  readonly #config: SuccessionConfig;
  readonly #dependencies: SuccessionDependencies;
  #self: CoordinatorAddress | null = null;
  #keeper: LeaseKeeper | null = null;
  #feed: CoordinatorFeed | null = null;
  #asking: NodeJS.Timeout | null = null;
  #active: ActiveCoordinator | null = null;
  #elsewhere: { readonly active: ActiveElsewhere; readonly controller: AbortController } | null = null;
  #retiring: ActiveCoordinator | null = null;
  #isWanted = false;
  #ledTerm = 0;
  #changing: Promise<void> | null = null;
  #handingOver: Promise<void> | null = null;

  constructor(config: SuccessionConfig, dependencies: SuccessionDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
  }

  /** null for a standby. */
  get active(): ActiveCoordinator | null {
    return this.#active;
  }

  /** Looks at the clock: after a pause the lease may be gone. */
  duty(): Duty {
    if (this.#keeper === null) return this.#active === null ? { kind: "standby", active: null } : { kind: "active" };
    if (this.#keeper.isLeading() && this.#active !== null) return { kind: "active" };
    return { kind: "standby", active: this.#elsewhere?.active ?? null };
  }

  /** null before `begin`. */
  get self(): CoordinatorAddress | null {
    return this.#self;
  }

  get term(): number {
    return this.#keeper?.term ?? 0;
  }

  /** What nodes are told: the term that made this one the active one, also when a higher one is known by now. */
  readonly ledTerm: TermSource = {
    current: () => (this.#keeper === null ? null : { cluster: this.#config.cluster, term: this.#ledTerm }),
    onSuperseded: (term) => this.#keeper?.supersede(term),
  };

  /** This one and those that were heard lately, the active one first. */
  coordinators(): readonly CoordinatorNews[] {
    if (this.#feed !== null) return this.#feed.coordinators();
    return this.#self === null ? [] : [{ ...this.#self, ...this.#news(), isLeaving: false }];
  }

  /**
   * Call it when the servers are bound. Resolves when somebody is active who is alive, or after 8 s.
   * @throws whatever the start of the active coordinator throws.
   */
  async begin(self: CoordinatorAddress): Promise<void> {
    this.#self = self;
    const { bus, log } = this.#dependencies;
    if (bus === null) return await this.#lead(0);
    const { cluster } = this.#config;
    let failure: unknown = null;
    const fail = (thrown: unknown): void => {
      failure = thrown;
      log.error({ err: thrown }, "this coordinator cannot become active");
    };
    const keeper = new LeaseKeeper(
      { ...this.#config, self },
      {
        bus,
        clock: systemClock,
        log,
        onLead: (term) => void this.#lead(term).catch(fail),
        onOtherHolder: (holder, wasGivenBack) => this.#setElsewhere(holder, wasGivenBack),
        onFollow: (reason) => void this.#follow(reason).catch(fail),
      },
    );
    this.#keeper = keeper;
    const onRivals = (areThere: boolean): void => keeper.setRivals(areThere);
    const news = (): OwnNews => this.#news();
    this.#asking = setInterval(() => void this.#askOthers(keeper, bus), askEveryMs);
    this.#feed = new CoordinatorFeed({ bus, cluster, clock: systemClock, log, self, news, onRivals });
    const untilMs = systemClock.nowMs() + decisionMs;
    while (this.#active === null && !keeper.seesLivingHolder && failure === null && systemClock.nowMs() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    if (failure !== null) throw failure;
  }

  /**
   * Has a standby take over, where there is one, while what runs here goes on until `close`. Resolves when it is active, or
   * has not become so in time.
   */
  async yieldToStandby(): Promise<void> {
    await this.#changing;
    if (this.#active === null || this.#keeper === null || (this.#feed?.coordinators().length ?? 0) < 2) return;
    this.#dependencies.log.info({ term: this.#ledTerm }, "this coordinator hands its lease over");
    this.#retire();
    await this.#keeper.giveBack();
    this.#feed?.tell();
    const untilMs = systemClock.nowMs() + yieldMs;
    while (this.#elsewhere === null && systemClock.nowMs() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, pollMs));
  }

  /** Whether a standby has taken over from this one. */
  get hasYielded(): boolean {
    return this.#retiring !== null && this.#elsewhere !== null;
  }

  /** Whoever still has answers to give here: the active coordinator, or one in whose place another one decides. */
  get answering(): ActiveCoordinator | null {
    return this.#active ?? this.#retiring;
  }

  /** Gives the lease back before its end, to a successor that waits for it; what runs here goes on until `close`. */
  handOver(): Promise<void> {
    this.#retire();
    this.#handingOver ??= this.#leave();
    return this.#handingOver;
  }

  /** Ends being active, and gives the lease back. */
  async close(): Promise<void> {
    if (this.#asking !== null) clearInterval(this.#asking);
    await this.#retiring?.close();
    await this.#end();
    await this.handOver();
  }

  #retire(): void {
    const active = this.#active;
    if (active === null) return;
    this.#isWanted = false;
    this.#active = null;
    this.#retiring = active;
    active.retire();
    this.#dependencies.onChange();
  }

  async #leave(): Promise<void> {
    if (this.#asking !== null) clearInterval(this.#asking);
    this.#feed?.close();
    await this.#keeper?.close();
  }

  /** While NATS is away: it may be so for this one alone, and another one active. */
  async #askOthers(keeper: LeaseKeeper, bus: Bus): Promise<void> {
    if (bus.isConnected || this.#active === null) return;
    keeper.supersede(await highestActiveTerm(this.#feed?.otherHttpAddresses ?? []));
  }

  #setElsewhere(holder: CoordinatorAddress | null, wasGivenBack: boolean): void {
    const last = this.#elsewhere?.controller;
    if (wasGivenBack) setTimeout(() => last?.abort(), retiringMs).unref();
    else last?.abort();
    this.#elsewhere = null;
    if (holder === null) return;
    const controller = new AbortController();
    // Every call that is forwarded listens to it.
    setMaxListeners(0, controller.signal);
    this.#elsewhere = { active: { ...holder, gone: controller.signal }, controller };
  }

  #news(): OwnNews {
    const members = [...(this.#active?.state.members.values() ?? [])];
    const nodeAddresses = members.filter(({ state }) => state !== "dead").map(({ address }) => address);
    return { term: this.term, isActive: this.#active !== null, nodeAddresses };
  }

  #lead(term: number): Promise<void> {
    this.#ledTerm = term;
    if (!this.#isWanted) this.#dependencies.log.info({ term }, "this coordinator is the active one from now on");
    this.#isWanted = true;
    return this.#change();
  }

  #follow(reason: string): Promise<void> {
    if (this.#isWanted) this.#dependencies.log.warn({ reason }, "this coordinator is not the active one any more");
    return this.#end();
  }

  #end(): Promise<void> {
    this.#isWanted = false;
    return this.#change();
  }

  #change(): Promise<void> {
    this.#changing ??= this.#run().finally(() => {
      this.#changing = null;
    });
    return this.#changing;
  }

  async #run(): Promise<void> {
    const { start, onChange } = this.#dependencies;
    while (this.#isWanted !== (this.#active !== null)) {
      const ending = this.#active;
      if (ending === null) {
        this.#active = await start(this.#feed?.nodeAddresses ?? []);
        onChange();
        this.#feed?.tell();
      } else {
        this.#active = null;
        onChange();
        await ending.close();
      }
    }
  }
}
