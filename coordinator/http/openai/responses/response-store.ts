// Responses that their callers may come back to, in this process alone: what people ask and are told is written nowhere.
import type { TenantId } from "@pomona/shared/core/ids";
import { byId, type Item, requestOfItem } from "./item.ts";
import type { KeptResponses } from "./request-schema.ts";

export type StoreLimits = {
  /** Default 1,000. */
  readonly storedResponsesMax: number;
  /** Of all of them, as JSON; an item counts once for each response that has it. Default 64 MiB. */
  readonly storedBytesMax: number;
  /** Default 24 h. */
  readonly storedForMs: number;
};

export const defaultStoreLimits: StoreLimits = {
  storedResponsesMax: 1000,
  storedBytesMax: 64 * 1024 * 1024,
  storedForMs: 24 * 60 * 60 * 1000,
};

export type StoredResponse = {
  readonly id: string;
  /** Nobody else finds it. */
  readonly tenant: TenantId;
  readonly storedAtMs: number;
  readonly response: object;
  /** All that the model was given. */
  readonly input: readonly Item[];
  readonly output: readonly Item[];
};

type Entry = StoredResponse & { readonly bytes: number };

/** When there is no room, whoever has most loses the oldest. */
export class ResponseStore {
  readonly #limits: StoreLimits;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #bytesOf = new Map<TenantId, number>();
  #bytes = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** Does nothing with a response that is larger than all of them may be. */
  put(stored: StoredResponse): void {
    this.#drop(stored.id);
    const bytes = Buffer.byteLength(JSON.stringify([stored.response, stored.input]));
    const { storedBytesMax, storedResponsesMax } = this.#limits;
    if (bytes > storedBytesMax) return;
    this.#forgetOld(stored.storedAtMs);
    this.#entries.set(stored.id, { ...stored, bytes });
    this.#count(stored.tenant, bytes);
    while (this.#bytes > storedBytesMax || this.#entries.size > storedResponsesMax)
      this.#drop(this.#leastWorthKeeping());
  }

  get(tenant: TenantId, id: string, nowMs: number): StoredResponse | null {
    this.#forgetOld(nowMs);
    const entry = this.#entries.get(id);
    return entry?.tenant === tenant ? entry : null;
  }

  /** Returns whether there was one. */
  delete(tenant: TenantId, id: string, nowMs: number): boolean {
    if (this.get(tenant, id, nowMs) === null) return false;
    this.#drop(id);
    return true;
  }

  /** What one caller can go on from. */
  keptFor(tenant: TenantId, nowMs: number): KeptResponses {
    // A request may name thousands of items, each among thousands.
    const itemsOf = new Map<string, ReadonlyMap<string, Item>>();
    return {
      conversationOf: (id) => {
        const stored = this.get(tenant, id, nowMs);
        return stored === null ? null : [...stored.input, ...stored.output];
      },
      itemOf: (id) => {
        const responseId = `resp_${requestOfItem(id) ?? ""}`;
        const known = itemsOf.get(responseId);
        if (known !== undefined) return known.get(id) ?? null;
        const stored = this.get(tenant, responseId, nowMs);
        const items = byId([...(stored?.output ?? []), ...(stored?.input ?? [])]);
        itemsOf.set(responseId, items);
        return items.get(id) ?? null;
      },
    };
  }

  #forgetOld(nowMs: number): void {
    for (const { id, storedAtMs } of this.#entries.values()) {
      if (nowMs - storedAtMs <= this.#limits.storedForMs) return;
      this.#drop(id);
    }
  }

  #leastWorthKeeping(): string {
    const [[heaviest] = [""]] = [...this.#bytesOf].sort(([, a], [, b]) => b - a);
    for (const { id, tenant } of this.#entries.values()) if (tenant === heaviest) return id;
    return "";
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#count(entry.tenant, -entry.bytes);
  }

  #count(tenant: TenantId, bytes: number): void {
    this.#bytes += bytes;
    const own = (this.#bytesOf.get(tenant) ?? 0) + bytes;
    if (own === 0) this.#bytesOf.delete(tenant);
    else this.#bytesOf.set(tenant, own);
  }
}
