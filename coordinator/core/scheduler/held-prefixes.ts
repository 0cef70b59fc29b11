// What a replica need not evaluate again, as the coordinator knows it: its own bindings first, heartbeats where it made none.
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import type { RequestId } from "@pomona/shared/core/ids";
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import { prefixBlockLength } from "@pomona/shared/core/prefix-hash";

/** What one slot holds. */
type SlotContents = {
  hashes: readonly number[];
  /** Who uses it now. */
  user: RequestId | null;
  /** When the coordinator last knew better than a heartbeat. */
  knownAtMs: number;
};

/** What is in a slot from now on. */
type Contents = { readonly hashes: readonly number[]; readonly nowMs: number };

export type PrefixHit = {
  readonly tokens: number;
  /** `peer` is a state that another node has saved for the request. */
  readonly place: HeldPrefix["place"] | "copy" | "peer";
};

/** Tokens that a copy or a saved state has to spare before a node takes it (node-agent, slot preparation). */
export const copyGainTokens = 64;

/** What the slots and saved states of one replica hold. */
export class HeldPrefixes {
  readonly #slots = new Map<number, SlotContents>();
  #saved: readonly HeldPrefix[] = [];

  /**
   * The longest beginning of a prompt that is there; null when there is none of at least one block. Without `canRestore`
   * only what idle slots hold is of use.
   */
  best(hashes: readonly number[], canRestore: boolean): PrefixHit | null {
    if (hashes.length === 0) return null;
    let idle = 0;
    let busy = 0;
    for (const slot of this.#slots.values()) {
      const blocks = commonPrefix(slot.hashes, hashes);
      if (slot.user !== null) busy = Math.max(busy, blocks);
      else idle = Math.max(idle, blocks);
    }
    let hit: PrefixHit | null = idle > 0 ? { tokens: idle * prefixBlockLength, place: "slot" } : null;
    if (!canRestore) return hit;
    const offer = (blocks: number, place: PrefixHit["place"]): void => {
      const tokens = blocks * prefixBlockLength;
      if (tokens >= (hit?.tokens ?? 0) + copyGainTokens) hit = { tokens, place };
    };
    offer(busy, "copy");
    for (const saved of this.#saved) offer(commonPrefix(saved.hashes, hashes), saved.place);
    return hit;
  }

  /** The busy slot that holds most of a prompt; null when none holds a block of it. */
  bestBusy(hashes: readonly number[]): { readonly slot: number; readonly tokens: number } | null {
    let chosen: number | null = null;
    let most = 0;
    for (const [slot, contents] of this.#slots) {
      const blocks = contents.user !== null ? commonPrefix(contents.hashes, hashes) : 0;
      if (blocks <= most) continue;
      most = blocks;
      chosen = slot;
    }
    return chosen === null ? null : { slot: chosen, tokens: most * prefixBlockLength };
  }

  /** The slot that the node will choose among its idle ones: the longest common beginning, else the lowest. */
  slotFor(hashes: readonly number[], slots: number): number | null {
    let chosen: number | null = null;
    let most = -1;
    for (let slot = 0; slot < slots; slot += 1) {
      const contents = this.#slots.get(slot);
      if ((contents?.user ?? null) !== null) continue;
      const blocks = contents === undefined ? 0 : commonPrefix(contents.hashes, hashes);
      if (blocks <= most) continue;
      most = blocks;
      chosen = slot;
    }
    return chosen;
  }

  /** A slot holds a prompt from now on. */
  take(slot: number, user: RequestId, { hashes, nowMs }: Contents): void {
    this.#slots.set(slot, { hashes, user, knownAtMs: nowMs });
  }

  /** The attempt in a slot is over; `hashes` are of all that it left there. */
  release(slot: number, user: RequestId, { hashes, nowMs }: Contents): void {
    const owner = this.#slots.get(slot)?.user ?? null;
    // Another attempt has turned out to be in there.
    if (owner !== null && owner !== user) return;
    this.#slots.set(slot, { hashes, user: null, knownAtMs: nowMs });
  }

  /** The attempt is not in the slot where it was expected: nothing is known of that one any more. */
  forget(slot: number, user: RequestId): void {
    if (this.#slots.get(slot)?.user === user) this.#slots.delete(slot);
  }

  /** A heartbeat: right about saved states, and about slots of which the coordinator knows nothing newer. */
  correct(held: readonly HeldPrefix[], sentAfterMs: number): void {
    this.#saved = held.filter(({ place }) => place !== "slot");
    const told = new Map(held.filter(({ place }) => place === "slot").map((prefix) => [prefix.slot, prefix]));
    for (const [slot, contents] of this.#slots) {
      if (contents.user !== null || contents.knownAtMs > sentAfterMs) continue;
      const prefix = told.get(slot);
      if (prefix === undefined) this.#slots.delete(slot);
      else contents.hashes = prefix.hashes;
    }
    for (const [slot, { hashes }] of told) {
      if (slot === null || this.#slots.has(slot)) continue;
      this.#slots.set(slot, { hashes, user: null, knownAtMs: sentAfterMs });
    }
  }

  /** Nothing is held any more: the engine died. */
  clear(): void {
    this.#slots.clear();
    this.#saved = [];
  }
}
