// Which requests may have killed an engine. They are tried alone, so that no other is blamed with them, until they are cleared.
import { notePoison } from "./poison.ts";
import type { RequestRecord, StepContext } from "./state.ts";

/** Who had so many tokens of an engine did nothing new to it when it died, and who has so many of the next did not kill the first. */
const harmlessTokens = 8;
const othersFirstMs = 200;
const chanceDeathsMax = 5;

/** What an engine's death says of a request that was there. */
export type Blame = "none" | "suspected" | "killsEngines";

/**
 * An engine died that a request is bound to. Those are suspected that had just begun there, or had just gone on: it may have
 * been a matter of the machine, and one that kills engines late is among them the next time.
 */
export function noteEngineDeath(context: StepContext, record: RequestRecord): Blame {
  const { place, emittedTokenIds } = record;
  if (place.kind !== "bound") return "none";
  record.deathsSeen += 1;
  if (emittedTokenIds.length - place.tokensBefore >= harmlessTokens && !isAlwaysThere(record)) return "none";
  record.engineCrashes += 1;
  record.harmlessAtTokens = emittedTokenIds.length + harmlessTokens;
  if (record.engineCrashes < context.config.engineCrashesMax) return "suspected";
  notePoison(context, record);
  return "killsEngines";
}

/** Too often to believe that it was always somebody else. */
function isAlwaysThere({ deathsSeen }: RequestRecord): boolean {
  return deathsSeen > chanceDeathsMax;
}

/** Whether it is so short a time since then that those which it may have torn along have not gone on yet. */
export function letsOthersFirst({ engineCrashes, queuedAtMs }: RequestRecord, nowMs: number): boolean {
  return engineCrashes > 0 && nowMs - queuedAtMs < othersFirstMs;
}

/** A suspect that has come past the token at which the engine died did not kill it. */
export function clearOfSuspicion(record: RequestRecord): void {
  if (record.engineCrashes === 0 || isAlwaysThere(record)) return;
  if (record.emittedTokenIds.length >= record.harmlessAtTokens) record.engineCrashes = 0;
}
