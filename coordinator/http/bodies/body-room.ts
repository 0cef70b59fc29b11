// How much of bodies that are on their way may be held: of all clients together, and half of it of one.
import { PomonaError } from "@pomona/shared/core/errors";
import type { TenantId } from "@pomona/shared/core/ids";

export class BodyRoom {
  readonly #bytesMax: number;
  readonly #bytesOf = new Map<TenantId, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @throws PomonaError `connections_full` when there is no room for so many more. */
  take(tenant: TenantId, bytes: number): void {
    const own = (this.#bytesOf.get(tenant) ?? 0) + bytes;
    if (own > this.#bytesMax / 2 || this.#bytes + bytes > this.#bytesMax)
      throw new PomonaError("connections_full", "too much is being sent at once: try again in a moment", {
        retryAfterMs: 1000,
      });
    this.#bytes += bytes;
    this.#bytesOf.set(tenant, own);
  }

  giveBack(tenant: TenantId, bytes: number): void {
    this.#bytes -= bytes;
    const own = (this.#bytesOf.get(tenant) ?? 0) - bytes;
    if (own > 0) this.#bytesOf.set(tenant, own);
    else this.#bytesOf.delete(tenant);
  }
}
