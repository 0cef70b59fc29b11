// One replica as a planning pass sees it: what runs there, when its slots come free, and what one more request would cost.
import type { NodeId, ReplicaId } from "@pomona/shared/core/ids";
import {
  decodeStepSeconds,
  prefillSeconds,
  restoreSeconds,
  type SpeedProfile,
} from "@pomona/shared/core/speed-profile";
import { copyGainTokens, type HeldPrefixes, type PrefixHit } from "./held-prefixes.ts";
import type { Checkpoint } from "./waiting-request.ts";

/** A request that has a slot. */
export type RunningLoad = {
  /** Tokens that are still to be evaluated before its next token. */
  readonly prefillLeft: number;
  /** Tokens that it is expected to generate from now on. */
  readonly outputLeft: number;
  /** Tokens in its context when its prompt is evaluated. */
  readonly contextTokens: number;
  /** Where it runs, or waits to run; null for any slot. */
  readonly slot: number | null;
};

/** What a waiting request asks for. */
export type Demand = {
  /** Prompt and what was generated before. */
  readonly tokens: number;
  readonly hashes: readonly number[];
  readonly checkpoint?: Checkpoint | null;
  /** Tokens that it is expected to generate. */
  readonly outputLeft: number;
};

/** The cost of giving a request to a replica, in seconds. */
export type Cost = {
  /** Until a slot is free, and the replica evaluates no other prompt. */
  readonly wait: number;
  /** To evaluate what is not held, and to bring back what is. */
  readonly prefill: number;
  /** To generate the answer. */
  readonly decode: number;
  /** What others that run there lose. */
  readonly delay: number;
  readonly score: number;
  readonly hit: PrefixHit | null;
  /** Whether it is the cost of binding it now. */
  readonly isNow: boolean;
  /** The busy slot that it waits for, because of what that holds; null for the first that is free. */
  readonly slot: number | null;
};

export type ScoreWeights = { readonly decode: number; readonly delay: number };

/** Longest time that one prompt is counted against each running stream: beyond it, they are not alike any more. */
const delayMaxSeconds = 60;

/**
 * Longest time for which a prompt is given to a replica that still evaluates another one. Beyond it, the prompt waits in
 * the queue: side by side both first tokens come late, one after the other only the second.
 */
const sharedPrefillMaxSeconds = 0.02;

/** A way to serve a request: what of what is held it uses, and when it can begin. */
type Way = {
  readonly hit: PrefixHit | null;
  readonly slotFreeIn: number;
  readonly slot: number | null;
};

export type CandidateParts = {
  readonly nodeId: NodeId;
  readonly replicaId: ReplicaId;
  readonly slots: number;
  readonly speed: SpeedProfile;
  readonly held: HeldPrefixes | null;
  readonly running: readonly RunningLoad[];
  /** Slots that others use: another coordinator's attempts, or such as are not cancelled yet. */
  readonly foreign: number;
  /** Seconds for which it is asked nothing. */
  readonly avoidSeconds: number;
  /** Counts bindings: whoever was bound longest ago comes first among equals. */
  readonly lastBinding: number;
  /** Busy replicas beside it on the same machine: they share its speed. */
  readonly busyNeighbours: number;
  /** Requests that run on those. */
  readonly neighbourStreams: number;
};

export class Candidate {
  readonly #parts: CandidateParts;
  readonly #running: RunningLoad[];
  /** Seconds from now at which each slot is free; 0 is free now. */
  readonly #freeIn: number[];
  /** The slot that is free first. */
  #first = 0;
  readonly #share: number;
  /** Seconds from now at which all its prompts are evaluated, those included that wait for it. */
  #prefillFreeIn = 0;
  #contextTokens = 0;

  constructor(parts: CandidateParts) {
    this.#parts = parts;
    this.#running = [...parts.running];
    this.#share = 1 + parts.busyNeighbours;
    for (const load of parts.running) {
      this.#contextTokens += load.contextTokens;
      this.#prefillFreeIn += this.#prefillSecondsOf(load);
    }
    this.#freeIn = Array.from({ length: parts.slots }, () => 0);
    this.#occupy();
  }

  get nodeId(): NodeId {
    return this.#parts.nodeId;
  }

  get replicaId(): ReplicaId {
    return this.#parts.replicaId;
  }

  get lastBinding(): number {
    return this.#parts.lastBinding;
  }

  get speed(): SpeedProfile {
    return this.#parts.speed;
  }

  /** Tokens of a beginning that need not be evaluated here. */
  heldTokens(demand: Demand): number {
    return this.#hit(demand)?.tokens ?? 0;
  }

  #hit({ hashes, checkpoint }: Demand): PrefixHit | null {
    const { held, speed, nodeId } = this.#parts;
    const canRestore = speed.restoreBytesPerSecond > 0;
    const hit = held?.best(hashes, canRestore) ?? null;
    const saved = canRestore && checkpoint?.nodeId === nodeId ? checkpoint.tokens : 0;
    return saved >= (hit?.tokens ?? 0) + copyGainTokens ? { tokens: saved, place: "peer" } : hit;
  }

  get slots(): number {
    return this.#parts.slots;
  }

  get busy(): number {
    return this.#running.length + this.#parts.foreign;
  }

  /** Whether a request can be bound to it now. */
  get hasIdleSlot(): boolean {
    return this.#parts.avoidSeconds === 0 && this.busy < this.slots;
  }

  /** Seconds until the next slot is free; infinite without slots. */
  get wait(): number {
    return Math.max(this.#parts.avoidSeconds, this.#freeIn[this.#first] ?? Number.POSITIVE_INFINITY);
  }

  /** The cheaper one of taking the first slot that is free, and of waiting for the busy one that holds most of the prompt. */
  cost(demand: Demand, weights: ScoreWeights): Cost {
    const first = this.#costInFirstSlot(demand, weights);
    const busy = this.#parts.held?.bestBusy(demand.hashes) ?? null;
    if (busy === null || busy.tokens <= (first.hit?.tokens ?? 0)) return first;
    const { slot, tokens } = busy;
    const slotFreeIn = Math.max(this.#parts.avoidSeconds, this.#freeIn[slot] ?? 0);
    if (slotFreeIn === 0) return first;
    const way = { hit: { tokens, place: "slot" }, slotFreeIn, slot } as const;
    const second = this.#costOf(demand, weights, way);
    return second.score < first.score ? second : first;
  }

  /** The cost of binding it at once; null without an idle slot, or while another prompt is evaluated there. */
  costNow(demand: Demand, weights: ScoreWeights): Cost | null {
    const cost = this.#costInFirstSlot(demand, weights);
    return cost.isNow ? cost : null;
  }

  #costInFirstSlot(demand: Demand, weights: ScoreWeights): Cost {
    return this.#costOf(demand, weights, { hit: this.#hit(demand), slotFreeIn: this.wait, slot: null });
  }

  #costOf({ tokens, outputLeft }: Demand, weights: ScoreWeights, { hit, slotFreeIn, slot }: Way): Cost {
    const { speed } = this.#parts;
    // The engine evaluates the last token of a prompt in any case.
    const reused = Math.min(hit?.tokens ?? 0, Math.max(0, tokens - 1));
    const uncached = tokens - reused;
    const running = this.#running.length;
    const wait = this.#beginsIn(slotFreeIn);
    const restore = hit === null || hit.place === "slot" ? 0 : restoreSeconds(speed, reused);
    const prefill = this.#share * prefillSeconds(speed, uncached, reused) + restore;
    const streams = Math.min(this.slots, running + 1);
    const decode = this.#share * outputLeft * decodeStepSeconds(speed, streams, this.#contextTokens + tokens);
    const prefillDelay = Math.min(uncached / speed.prefillTokensPerSecond, delayMaxSeconds);
    const stepDelay = (outputLeft * speed.slotSlowdown) / speed.decodeTokensPerSecond;
    const delay = running * (prefillDelay + 0.5 * stepDelay) + this.#neighbourDelay(prefillDelay, outputLeft);
    const score = wait + prefill + weights.decode * decode + weights.delay * delay;
    const isNow = !this.#isEvaluating && slot === null && this.hasIdleSlot;
    return { wait, prefill, decode, delay, score, hit, isNow, slot };
  }

  /** Steps of other models on the machine come in between: those lose what these take, and nothing is batched. */
  #neighbourDelay(prefillDelay: number, outputLeft: number): number {
    const { speed, neighbourStreams } = this.#parts;
    const step = (this.#running.length === 0 ? 1 : speed.slotSlowdown) / speed.decodeTokensPerSecond;
    return neighbourStreams * (prefillDelay + outputLeft * step);
  }

  /** A request was bound to it in this pass. */
  add(load: RunningLoad): void {
    this.#running.push(load);
    this.#contextTokens += load.contextTokens;
    this.#prefillFreeIn += this.#prefillSecondsOf(load);
    this.#takeSlot(this.#endOf(load), load.slot);
  }

  /** A request ahead in the queue waits for it: whoever comes later finds the slot taken. Returns when it begins. */
  reserve(load: RunningLoad): number {
    const { speed } = this.#parts;
    const step = decodeStepSeconds(speed, this.slots, this.#contextTokens + load.contextTokens);
    const prefill = this.#prefillSecondsOf(load);
    const slotFreeIn = this.#takeSlot(prefill + this.#share * load.outputLeft * step, load.slot);
    const beginsIn = this.#beginsIn(slotFreeIn);
    this.#prefillFreeIn = beginsIn + prefill;
    return beginsIn;
  }

  /** A node evaluates prompts in the order of their coming, so a short one waits for a long one all the same. */
  get #isEvaluating(): boolean {
    return this.#prefillFreeIn > sharedPrefillMaxSeconds;
  }

  #beginsIn(slotFreeIn: number): number {
    return this.#isEvaluating ? Math.max(slotFreeIn, this.#prefillFreeIn) : slotFreeIn;
  }

  /** A slot, or the one that is free first, is taken for so long. Returns when that begins. */
  #takeSlot(seconds: number, wanted: number | null): number {
    const slot = wanted !== null && wanted < this.#freeIn.length ? wanted : this.#first;
    const from = this.#freeIn[slot] ?? 0;
    this.#freeIn[slot] = from + seconds;
    if (slot === this.#first) this.#first = this.#firstFree();
    return Math.max(from, this.#parts.avoidSeconds);
  }

  #firstFree(): number {
    let first = 0;
    for (let slot = 1; slot < this.#freeIn.length; slot += 1) {
      if ((this.#freeIn[slot] ?? 0) < (this.#freeIn[first] ?? 0)) first = slot;
    }
    return first;
  }

  #occupy(): void {
    for (const load of this.#running) {
      const isFree = load.slot !== null && this.#freeIn[load.slot] === 0;
      this.#takeSlot(this.#endOf(load), isFree ? load.slot : null);
    }
    // Of others nothing is known but that they are there: as long as the longest of our own, or a moment.
    const longest = Math.max(1, ...this.#freeIn);
    for (let count = 0; count < this.#parts.foreign; count += 1) this.#takeSlot(longest, null);
  }

  #prefillSecondsOf({ prefillLeft }: RunningLoad): number {
    return (this.#share * prefillLeft) / this.#parts.speed.prefillTokensPerSecond;
  }

  #endOf({ prefillLeft, outputLeft }: RunningLoad): number {
    const { speed } = this.#parts;
    const step = decodeStepSeconds(speed, Math.max(1, this.#running.length), this.#contextTokens);
    return this.#share * (prefillLeft / speed.prefillTokensPerSecond + outputLeft * step);
  }
}
