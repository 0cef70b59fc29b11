// One replica, step by step as llama.cpp runs it: every step decodes one token of each stream and evaluates one chunk of
// the prompts that wait, and each step is one event on virtual time (scheduling study, section 3).
import type { VirtualTime } from "../virtual-time.ts";
import type { Device } from "./device.ts";
import type { KvStore } from "./kv-store.ts";
import { decodeStepSeconds, type MachineProfile, prefillSeconds, restoreBytesPerSecond } from "./machine-profile.ts";
import { blockTokens } from "./prefix.ts";
import { emptySlot, prepareSlot, type Slot } from "./slots.ts";

const defaultChunkTokens = 512;

/** What a replica is asked for. Only the engine knows `outputTokens`: no policy sees it. */
export type EngineJob = {
  /** Whole blocks of what has to be in the slot; the tokens behind the last of them are in no block. */
  readonly blocks: readonly number[];
  /** At least 1. */
  readonly promptTokens: number;
  /** At least 1. */
  readonly outputTokens: number;
  readonly listener: EngineListener;
};

/** Tells of a job, in this order. */
export type EngineListener = {
  readonly accepted: (cachedTokens: number, slot: number) => void;
  /** After each chunk. */
  readonly evaluated: (evaluatedTokens: number, chunk: number) => void;
  /** One more token came. */
  readonly token: () => void;
  /** The slot is free again; not called for a cancelled job. */
  readonly ended: () => void;
};

/** A job in its slot. Token counts. */
export type Running = {
  readonly job: EngineJob;
  readonly slot: Slot;
  evaluated: number;
  generated: number;
  /** Until then its slot is saved and restored. */
  readonly readyAtMs: number;
  /** Prompt tokens of the step that is under way. */
  chunk: number;
  /** In the batch of the step that is under way. */
  isInStep: boolean;
};

export type EngineParts = {
  readonly time: VirtualTime;
  /** What its steps run on, together with those of the machine's other replicas. */
  readonly device: Device;
  readonly profile: MachineProfile;
  /** Where states are saved; null for none. */
  readonly store: KvStore | null;
  /** Prompt tokens of one step, shared by the prompts that wait; 512 by default. */
  readonly chunkTokens?: number;
};

export class ReplicaEngine {
  readonly profile: MachineProfile;
  readonly store: KvStore | null;
  readonly slots: readonly Slot[];
  readonly running: Running[] = [];
  readonly #time: VirtualTime;
  readonly #device: Device;
  readonly #chunkTokens: number;
  #isStepping = false;
  #isOff = false;

  constructor({ time, device, profile, store, chunkTokens = defaultChunkTokens }: EngineParts) {
    this.#chunkTokens = chunkTokens;
    this.#time = time;
    this.#device = device;
    this.profile = profile;
    this.store = store;
    this.slots = Array.from({ length: profile.slots }, (_, index) => emptySlot(index));
  }

  get freeSlots(): number {
    return this.profile.slots - this.running.length;
  }

  /** Takes a job into a free slot; there must be one. */
  start(job: EngineJob): Running {
    const { nowMs } = this.#time;
    const prepared = prepareSlot(this.slots, this.store, { ...job, profile: this.profile, nowMs });
    const { slot, cachedTokens } = prepared;
    const movedSeconds = (prepared.movedTokens * this.profile.kvBytesPerToken) / restoreBytesPerSecond;
    const readyAtMs = nowMs + 1000 * movedSeconds;
    const running = { job, slot, evaluated: cachedTokens, generated: 0, readyAtMs, chunk: 0, isInStep: false };
    this.running.push(running);
    job.listener.accepted(cachedTokens, slot.index);
    if (movedSeconds > 0) this.#time.after(readyAtMs - nowMs, () => this.#kick());
    this.#kick();
    return running;
  }

  /** Frees the slot of a job that nobody wants any more. Returns whether it was running. */
  cancel(running: Running): boolean {
    const index = this.running.indexOf(running);
    if (index < 0) return false;
    this.#free(index);
    return true;
  }

  /** The machine is gone: nothing more is told, and nothing is held any more. */
  switchOff(): void {
    this.#isOff = true;
    this.running.length = 0;
    this.store?.clear();
  }

  #free(index: number): void {
    const [running] = this.running.splice(index, 1);
    if (running === undefined) return;
    const { slot, job, evaluated } = running;
    slot.isBusy = false;
    slot.lastUsedMs = this.#time.nowMs;
    if (evaluated < job.promptTokens) slot.blocks = job.blocks.slice(0, slot.evaluatedBlocks);
  }

  #kick(): void {
    if (this.#isStepping || this.#isOff) return;
    const seconds = this.#plan();
    if (seconds === 0) return;
    this.#isStepping = true;
    this.#device.run(seconds, () => this.#finishStep());
  }

  /** Chooses what the next step evaluates. Returns its length in seconds, 0 when there is nothing to do. */
  #plan(): number {
    const { nowMs } = this.#time;
    let streams = 0;
    let contextTokens = 0;
    let waiting = 0;
    for (const running of this.running) {
      const isReady = running.readyAtMs <= nowMs;
      const isWaiting = running.evaluated < running.job.promptTokens;
      running.isInStep = isReady;
      running.chunk = 0;
      if (!isReady) continue;
      if (isWaiting) {
        waiting += 1;
        continue;
      }
      streams += 1;
      contextTokens += running.evaluated + running.generated;
    }
    const decode = streams === 0 ? 0 : decodeStepSeconds(this.profile, { streams, contextTokens });
    return waiting === 0 ? decode : decode + this.#planChunks(waiting);
  }

  /** Shares the chunk evenly; what short prompts leave goes to the others. Returns seconds. */
  #planChunks(waitingCount: number): number {
    let left = this.#chunkTokens;
    let waiting = waitingCount;
    let seconds = 0;
    const prompts = this.running.filter(({ isInStep, evaluated, job }) => isInStep && evaluated < job.promptTokens);
    prompts.sort((a, b) => a.job.promptTokens - a.evaluated - (b.job.promptTokens - b.evaluated));
    for (const running of prompts) {
      const { evaluated, job } = running;
      const tokens = Math.min(Math.floor(left / waiting), job.promptTokens - evaluated);
      running.chunk = tokens;
      left -= tokens;
      waiting -= 1;
      seconds += prefillSeconds(this.profile, { tokens, contextTokens: evaluated });
    }
    return seconds;
  }

  #finishStep(): void {
    if (this.#isOff) return;
    // Listeners may start and cancel jobs: those are in no step yet, or gone.
    for (const running of [...this.running]) {
      if (!running.isInStep || !this.running.includes(running)) continue;
      running.isInStep = false;
      this.#advance(running);
    }
    this.#isStepping = false;
    this.#kick();
  }

  /** One chunk, or one token. The last chunk of a prompt gives the first token. */
  #advance(running: Running): void {
    const { job, chunk } = running;
    if (chunk > 0) {
      running.evaluated += chunk;
      running.slot.evaluatedBlocks = Math.min(job.blocks.length, Math.floor(running.evaluated / blockTokens));
      job.listener.evaluated(running.evaluated, chunk);
      // Whoever listens may have cancelled it, or ended the engine.
      if (running.evaluated < job.promptTokens || !this.running.includes(running)) return;
    }
    running.generated += 1;
    job.listener.token();
    if (running.generated < job.outputTokens) return;
    const index = this.running.indexOf(running);
    if (index < 0) return;
    this.#free(index);
    job.listener.ended();
  }
}
