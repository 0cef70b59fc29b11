// What this coordinator does at the moment: it is the active one of its cluster, or forwards to that one.
import { PomonaError } from "@pomona/shared/core/errors";
import type { CoordinatorAddress } from "../core/lease.ts";

export type Duty =
  | { readonly kind: "active" }
  /** `active` is null while nobody is known to be. */
  | { readonly kind: "standby"; readonly active: ActiveElsewhere | null };

export type ActiveElsewhere = CoordinatorAddress & {
  /** Aborted when it is not the active one any more: it may be stopped, and never answer. */
  readonly gone: AbortSignal;
};

/** Marks what a standby has sent, with the peer that it came from: it is never sent on once more. */
export const forwardedHeader = "x-pomona-forwarded";

const retryAfterMs = 1000;

export function noActiveCoordinator(message = "no coordinator is active now: try again in a moment"): PomonaError {
  return new PomonaError("no_active_coordinator", message, { retryAfterMs });
}

/** @throws PomonaError `no_active_coordinator` when nobody is known, or the call was forwarded already. */
export function targetOf({ active }: Duty & { kind: "standby" }, isForwarded: boolean): ActiveElsewhere {
  if (active === null) throw noActiveCoordinator();
  if (isForwarded) throw noActiveCoordinator("the coordinator that was taken for the active one is not: try again");
  return active;
}
