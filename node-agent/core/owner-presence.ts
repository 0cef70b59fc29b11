// Whether the owner of a machine is using it: then models make way.
import type { OwnerState } from "@pomona/shared/core/node-status";

/** What a machine tells of the people at it. */
export type OwnerReading = {
  /** Milliseconds since somebody last used keyboard, mouse or trackpad. */
  readonly idleMs: number;
  /** Whether somebody is logged in at the screen. */
  readonly isLoggedIn: boolean;
};

export type OwnerMode = {
  /** The owner is away after so long without any input. */
  readonly idleAfterMs: number;
  /** Of the budget, what models may use while the owner is active. */
  readonly budgetShare: number;
};

/** Somebody who was away is back with an input as recent as this. */
const backWithinMs = 15_000;

/**
 * Away takes long, back is at once. Between the two limits nothing changes, so that a reading that comes late, or an idle
 * time that does not quite start at zero, makes no model leave and return.
 */
export function ownerStateAfter(before: OwnerState, reading: OwnerReading | null, mode: OwnerMode): OwnerState {
  if (reading === null) return "unknown";
  const { idleMs, isLoggedIn } = reading;
  if (!isLoggedIn || idleMs >= mode.idleAfterMs) return "away";
  if (before !== "away") return "active";
  return idleMs < Math.min(backWithinMs, mode.idleAfterMs) ? "active" : "away";
}
