// Who has had how much: virtual token counters (Sheng et al., Fairness in Serving Large Language Models, OSDI 2024), charged
// for tokens that were evaluated, not for those that a cache spared (Cao et al., DLPM, arXiv 2501.14312).
import type { TenantId } from "@pomona/shared/core/ids";

/** A generated token costs a Mac about as much as three of a prompt (scheduling study, 2.6). */
const generatedTokenWeight = 3;

/** The cost of a request in evaluated prompt tokens. */
export function serviceOf(evaluatedTokens: number, generatedTokens: number): number {
  return evaluatedTokens + generatedTokenWeight * generatedTokens;
}

type Tenant = { served: number; open: number; seenAt: number };

/** One counter for each tenant; bounded, the ones that were seen longest ago and have nothing open are forgotten first. */
export class Tenants {
  readonly #tenants = new Map<TenantId, Tenant>();
  readonly #tenantsMax: number;
  #seen = 0;
  /** Requests of all tenants that have not ended. */
  #open = 0;
  /** What the last one with work had been served when it went: whoever comes to an empty pool starts level with it. */
  #floor = 0;

  constructor(tenantsMax: number) {
    this.#tenantsMax = tenantsMax;
  }

  get size(): number {
    return this.#tenants.size;
  }

  /** A request came. One who returns after a pause starts level with those who have work: idleness saves nothing up. */
  open(id: TenantId): void {
    const tenant = this.#tenants.get(id) ?? { served: 0, open: 0, seenAt: 0 };
    if (tenant.open === 0) {
      tenant.served = Math.max(tenant.served, this.#leastOpen() ?? this.#floor);
    }
    tenant.open += 1;
    this.#open += 1;
    this.#seen += 1;
    tenant.seenAt = this.#seen;
    // Moves to the end: the map is in the order of last sight.
    this.#tenants.delete(id);
    this.#tenants.set(id, tenant);
    this.#forget();
  }

  /** A request ended. */
  close(id: TenantId): void {
    const tenant = this.#tenants.get(id);
    if (tenant === undefined) return;
    if (tenant.open === 0) return;
    tenant.open -= 1;
    this.#open -= 1;
    if (this.#open === 0) this.#floor = Math.max(this.#floor, tenant.served);
  }

  /** Adds service, or takes it back when it is negative. */
  charge(id: TenantId, service: number): void {
    const tenant = this.#tenants.get(id);
    if (tenant !== undefined) tenant.served = Math.max(0, tenant.served + service);
  }

  served(id: TenantId): number {
    return this.#tenants.get(id)?.served ?? 0;
  }

  #leastOpen(): number | null {
    let least: number | null = null;
    for (const { served, open } of this.#tenants.values()) {
      if (open > 0 && (least === null || served < least)) least = served;
    }
    return least;
  }

  #forget(): void {
    for (const [id, { open }] of this.#tenants) {
      if (this.#tenants.size <= this.#tenantsMax) return;
      if (open === 0) this.#tenants.delete(id);
    }
  }
}
