// States of requests that other replicas have saved: in files that come and go by their owner's will.
import { keptOf, type Wanted } from "../../core/state-index.ts";
import type { AdoptedState } from "../engine.ts";
import { checksumOf } from "./checked-copy.ts";
import type { Slot } from "./slot.ts";

export type FoundState = { readonly state: AdoptedState; readonly length: number };

export class AdoptedStates {
  readonly #states = new Map<string, AdoptedState>();
  readonly #contextLength: number;

  constructor(contextLength: number) {
    this.#contextLength = contextLength;
  }

  add(state: AdoptedState): void {
    this.#states.set(state.path, state);
  }

  drop(path: string): void {
    this.#states.delete(path);
  }

  /** The state of a request, and how much of its prompt that keeps. */
  find(requestId: string, wanted: Wanted): FoundState | null {
    let best: FoundState | null = null;
    for (const state of this.#states.values()) {
      const length = state.requestId === requestId ? keptOf(state, wanted) : 0;
      if (length > (best?.length ?? 0)) best = { state, length };
    }
    return best;
  }

  /**
   * Puts a state into a slot. @throws when its file is not what came, or the engine refuses it: nobody else is given it
   * then, and the slot is empty.
   */
  async restore(state: AdoptedState, slot: Slot): Promise<void> {
    const { path, crc32, chunkLengths, scope } = state;
    try {
      if ((await checksumOf(path)) !== crc32) throw new Error("the state is broken");
      await slot.restore(path, { scope, chunkLengths, tokensMax: this.#contextLength });
    } catch (error) {
      slot.clear();
      this.drop(path);
      throw error;
    }
  }
}
