// Requests by the names that their clients have given them: whoever sends one again gets the one that is under way.
import { createHash } from "node:crypto";
import { PomonaError } from "@pomona/shared/core/errors";
import type { RequestId, TenantId } from "@pomona/shared/core/ids";
import type { Caller, GenerationRequest } from "./core/generation-request.ts";

export type RequestName = {
  readonly tenant: TenantId;
  /** Empty for none. */
  readonly idempotencyKey: string;
  /** Of what the client asked for: the same key with another one is a mistake. */
  readonly fingerprint: string;
};

export function nameOf(request: GenerationRequest, { tenant, idempotencyKey = "" }: Caller): RequestName {
  if (idempotencyKey === "") return { tenant, idempotencyKey, fingerprint: "" };
  const fingerprint = createHash("sha256").update(JSON.stringify(request)).digest("hex").slice(0, 32);
  return { tenant, idempotencyKey, fingerprint };
}

type Dependencies = {
  /** Whether it runs, or ended a moment ago. */
  readonly isHere: (requestId: RequestId) => boolean;
  /** Whether one that an earlier coordinator began may still be found. */
  readonly isTakingUp: () => boolean;
  /** Resolves when something has changed, or a moment has passed. @throws PomonaError when nothing is taken any more. */
  readonly changed: () => Promise<void>;
};

/** Without an id it is not admitted yet: its prompt is still tokenized. */
type Named = { readonly requestId: RequestId | null; readonly fingerprint: string };

export class NamedRequests {
  readonly #dependencies: Dependencies;
  readonly #requests = new Map<string, Named>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * The request of this name, once it is known whether there is one. null when it is the caller's to begin; nobody else
   * may until it is `admitted` or `released`.
   * @throws PomonaError `conflict` when the name is that of another request; why the signal was aborted.
   */
  async claim(name: RequestName, signal: AbortSignal): Promise<RequestId | null> {
    for (;;) {
      signal.throwIfAborted();
      const known = this.#find(name);
      if (known !== null && known.requestId !== null) return known.requestId;
      if (known === null && !this.#dependencies.isTakingUp()) break;
      await this.#dependencies.changed();
    }
    this.#requests.set(keyOf(name), { requestId: null, fingerprint: name.fingerprint });
    return null;
  }

  /** null when none of this name is here, or it is not admitted yet. */
  idOf(name: Pick<RequestName, "tenant" | "idempotencyKey">): RequestId | null {
    return this.#requests.get(keyOf(name))?.requestId ?? null;
  }

  admitted(name: RequestName, requestId: RequestId): void {
    if (name.idempotencyKey !== "") this.#requests.set(keyOf(name), { requestId, fingerprint: name.fingerprint });
  }

  /** The caller who was to begin it does not, or has begun it. */
  released(name: RequestName): void {
    if (this.#requests.get(keyOf(name))?.requestId === null) this.#requests.delete(keyOf(name));
  }

  /** Forgets those that are not here any more. */
  review(): void {
    for (const [key, { requestId }] of this.#requests)
      if (requestId !== null && !this.#dependencies.isHere(requestId)) this.#requests.delete(key);
  }

  #find(name: RequestName): Named | null {
    const known = this.#requests.get(keyOf(name));
    if (known === undefined) return null;
    if (known.requestId !== null && !this.#dependencies.isHere(known.requestId)) return null;
    if (known.fingerprint === name.fingerprint) return known;
    const message = `idempotency key ${JSON.stringify(name.idempotencyKey)} names another request: take a new key`;
    throw new PomonaError("conflict", message, { field: "idempotency-key" });
  }
}

function keyOf({ tenant, idempotencyKey }: Pick<RequestName, "tenant" | "idempotencyKey">): string {
  return `${tenant}\n${idempotencyKey}`;
}
