// When a replica whose engine died is started again, and when no more.
import type { GenerationFailure } from "@pomona/shared/core/generation";

/** The numbers of the back-off. */
export const restartLimits = {
  /** Wait before the second restart; it doubles from death to death. The first restart does not wait. */
  waitMinMs: 1000,
  waitMaxMs: 60_000,
  /** So many deaths, none of them after a time of quiet service, and the replica stays failed. */
  deathsMax: 5,
  /** Serving this long makes a replica forget its deaths. */
  forgivenMs: 600_000,
} as const;

/** Share of a wait that the jitter moves, so that the nodes of a pool do not load in step. */
const jitterShare = 0.2;

/** Deaths in a row, this one included. @param servedMs how long the engine served before it; null when it never did. */
export function countDeath(deathsBefore: number, servedMs: number | null): number {
  return (servedMs !== null && servedMs >= restartLimits.forgivenMs ? 0 : deathsBefore) + 1;
}

/**
 * The wait until the engine is started again: none, then 1, 2, 4 ... 60 s; null when it is not.
 * @param deaths in a row, at least 1.
 * @param jitter 0 to 1; 0.5 moves nothing.
 */
export function restartDelayMs(deaths: number, jitter: number): number | null {
  const { deathsMax, waitMinMs, waitMaxMs } = restartLimits;
  if (deaths >= deathsMax) return null;
  if (deaths <= 1) return 0;
  const waitMs = Math.min(waitMinMs * 2 ** (deaths - 2), waitMaxMs);
  return waitMs * (1 + jitterShare * (jitter - 0.5));
}

/** What a replica that is given up tells: how often it died, and of what the last time. */
export function givenUp(deaths: number, last: GenerationFailure): GenerationFailure {
  const minutes = restartLimits.forgivenMs / 60_000;
  const message = `the engine died ${deaths} times without serving ${minutes} minutes in between, and is not started again; the last time: ${last.message}`;
  return { ...last, message };
}

/** Null when the file is the one that was loaded first, or nothing is known of that one. */
export function refuseChangedModel(
  known: string,
  found: string,
  { model, modelPath }: { readonly model: string; readonly modelPath: string },
): GenerationFailure | null {
  if (known === "" || known === found) return null;
  const message =
    `the file ${modelPath} of model ${model} is not the one that was loaded: its SHA-256 was ` +
    `${known.slice(0, 12)}... and is ${found.slice(0, 12)}...; put the right file back and load the model again`;
  return { code: "invalid_model", message, isRetryable: false };
}
