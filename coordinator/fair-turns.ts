// Who is next among those that wait for room: interactive before batch, then whose tenant has least under way, then the
// earliest.
import type { TenantId } from "@pomona/shared/core/ids";
import type { Priority } from "./core/scheduler/waiting-request.ts";

export type Turn = { readonly tenant: TenantId; readonly priority: Priority; readonly signal: AbortSignal };

type Waiting = Turn & { readonly wake: () => void };

/** Everyone who waits looks again whenever anything ends, in this order: whoever finds no room waits on. */
export class FairTurns {
  readonly #underWay = new Map<TenantId, number>();
  /** By the order of their coming. */
  #waiting: Waiting[] = [];

  began(tenant: TenantId): void {
    this.#underWay.set(tenant, this.#of(tenant) + 1);
  }

  ended(tenant: TenantId): void {
    const left = this.#of(tenant) - 1;
    if (left > 0) this.#underWay.set(tenant, left);
    else this.#underWay.delete(tenant);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { wake } of waiting.sort((a, b) => this.#compare(a, b))) wake();
  }

  /** Resolves when something has ended. @throws the signal's reason. */
  async next(turn: Turn): Promise<void> {
    const { signal } = turn;
    signal.throwIfAborted();
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const waiting = { ...turn, wake };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        resolve();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
    });
    signal.throwIfAborted();
  }

  #of(tenant: TenantId): number {
    return this.#underWay.get(tenant) ?? 0;
  }

  #compare(a: Waiting, b: Waiting): number {
    if (a.priority !== b.priority) return a.priority === "interactive" ? -1 : 1;
    return this.#of(a.tenant) - this.#of(b.tenant);
  }
}
