// Puts as much of a prompt into a slot as is known anywhere: in the slot itself, in another one, or in the state store.

import { commonPrefix } from "@pomona/shared/core/common-prefix";
import { type CheckpointUse, sharedBetween } from "@pomona/shared/core/generation";
import type { SpeedLearner } from "../../core/speed-learner.ts";
import type { SavedState, Wanted } from "../../core/state-index.ts";
import type { AdoptedState } from "../engine.ts";
import type { AdoptedStates } from "./adopted-states.ts";
import type { Generation } from "./generation.ts";
import type { Slot } from "./slot.ts";
import type { StateStore } from "./state-store.ts";

/** Tokens that a copy has to spare; fewer are evaluated as fast. */
const gainMin = 64;

export type SlotPreparationParts = {
  readonly slots: readonly Slot[];
  /** null keeps nothing beyond the slots. */
  readonly store: StateStore | null;
  /** States that other replicas have saved. */
  readonly adopted: AdoptedStates;
  readonly kvBytesPerToken: number;
  /** Learns how fast states come back; null when nobody asks. */
  readonly learner: SpeedLearner | null;
};

type Source =
  | { readonly kind: "own" }
  | { readonly kind: "slot"; readonly slot: Slot }
  | { readonly kind: "state"; readonly state: SavedState }
  | { readonly kind: "adopted"; readonly state: AdoptedState };

/** What became of a state that another replica had saved, where one was worth using. */
type Prepared = { readonly checkpoint: CheckpointUse | null };

export class SlotPreparation {
  readonly #parts: SlotPreparationParts;

  constructor(parts: SlotPreparationParts) {
    this.#parts = parts;
  }

  /** The free slot that can keep most of the prompt; among equals the lowest, which keeps ids consecutive. */
  choose(wanted: Wanted, busy: ReadonlySet<Slot>): Slot {
    const free = this.#parts.slots.filter((slot) => !busy.has(slot));
    const rated = free.map((slot) => ({ slot, reusable: slot.reusable(wanted) }));
    const [first, ...others] = rated;
    if (first === undefined) throw new Error("assertion failed: an attempt is accepted only while a slot is free");
    return others.reduce((best, other) => (other.reusable > best.reusable ? other : best), first).slot;
  }

  /**
   * Makes the slot of a generation ready. Returns null when another one is just evaluating a beginning that this one
   * can have: it is to be asked again after the next step.
   */
  async prepare(generation: Generation, running: readonly Generation[]): Promise<Prepared | null> {
    const { slot, wanted } = generation;
    const own = slot.reusable(wanted);
    const { source, length } = this.#bestSource(generation, own);
    if (this.#promised(generation, running) >= length + gainMin) return null;
    const isAdopted = source.kind === "adopted";
    try {
      await this.#saveIfLost(slot, own);
      await this.#fetch(source, slot);
      await slot.keep(slot.reusable(wanted), wanted.scope);
    } catch {
      // Whatever could not be kept is evaluated again.
      slot.clear();
      await slot.keep(0, wanted.scope);
      return { checkpoint: isAdopted ? "failed" : null };
    }
    return { checkpoint: isAdopted ? "restored" : null };
  }

  /** Saves what the slots hold, and writes it to the disk as far as the budget goes. */
  async flush(): Promise<void> {
    const { slots, store, kvBytesPerToken } = this.#parts;
    if (store === null) return;
    for (const slot of slots) await store.save(slot, kvBytesPerToken);
    await store.flush();
  }

  #bestSource(
    { attempt, slot, wanted }: Generation,
    own: number,
  ): { readonly source: Source; readonly length: number } {
    let best: { source: Source; length: number } = { source: { kind: "own" }, length: own };
    const { slots, store, adopted } = this.#parts;
    const offered = adopted.find(attempt.requestId, wanted);
    // Where the end cannot be forgotten, only a state that is wanted whole is of use.
    const isOfUse = offered?.length === offered?.state.tokenIds.length || !slot.needsCheckpoints;
    if (offered !== null && isOfUse && offered.length >= best.length + gainMin)
      best = { source: { kind: "adopted", state: offered.state }, length: offered.length };
    if (store === null || slot.needsCheckpoints) return best;
    const saved = store.find(wanted);
    if (saved !== null && saved.length >= best.length + gainMin)
      best = { source: { kind: "state", state: saved.state }, length: saved.length };
    for (const other of slots) {
      const length = other === slot ? 0 : other.reusable(wanted);
      if (length >= best.length + gainMin) best = { source: { kind: "slot", slot: other }, length };
    }
    return best;
  }

  /** The longest common beginning with a prompt that is being evaluated and has not come so far yet. */
  #promised({ slot, wanted }: Generation, running: readonly Generation[]): number {
    if (this.#parts.store === null || slot.needsCheckpoints || wanted.plan.length > 0 || wanted.isEvaluated) return 0;
    const lengths = running
      .filter((other) => other.isPrefilling)
      .map((other) => ({
        common: Math.min(
          commonPrefix(other.wanted.tokenIds, wanted.tokenIds),
          sharedBetween(other.wanted.scope, wanted.scope),
        ),
        held: other.slot.length,
      }))
      .filter(({ common, held }) => held < common);
    return Math.max(0, ...lengths.map(({ common }) => common));
  }

  async #saveIfLost(slot: Slot, kept: number): Promise<void> {
    if (kept < slot.length) await this.#parts.store?.save(slot, this.#parts.kvBytesPerToken);
  }

  async #fetch(source: Source, slot: Slot): Promise<void> {
    const { store, adopted, learner, kvBytesPerToken } = this.#parts;
    if (source.kind === "own") return;
    const startedAtMs = performance.now();
    if (source.kind === "state") await store?.restore(source.state, slot);
    else if (source.kind === "adopted") await adopted.restore(source.state, slot);
    else await store?.copy(source.slot, slot);
    learner?.restored(slot.length * kvBytesPerToken, (performance.now() - startedAtMs) / 1000);
  }
}
