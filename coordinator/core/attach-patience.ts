// How long a node may take to answer on a new connection until its attempts there count as lost.

/** On a LAN: with the keepalive before it a silent node is lost after 1.1 s. */
const patienceMinMs = 300;
/** A line whose round trips are longer than 400 ms does not pass the keepalive: three of those, and room. */
const patienceMaxMs = 1300;
/** TCP's handshake, HTTP/2's settings, and the call. */
const roundTripsToAnswer = 3;
const roomMs = 100;
/** Of the new figure, where it is the lower one: patience costs a moment, and a lost attempt a move. */
const fallingWeight = 0.25;
/** A timer that rings later than this says that its process did not run meanwhile. */
const lateMs = 50;

/** Milliseconds. @param roundTripMs as `noteRoundTrip` keeps it; null while nothing was measured. */
export function attachPatienceMs(roundTripMs: number | null): number {
  const neededMs = roundTripsToAnswer * (roundTripMs ?? 0) + roomMs;
  return Math.min(patienceMaxMs, Math.max(patienceMinMs, neededMs));
}

/** What to go by after a call that a node answers at once took so long: up at once, down by and by. Milliseconds. */
export function noteRoundTrip(knownMs: number | null, measuredMs: number): number {
  if (knownMs === null || measuredMs >= knownMs) return measuredMs;
  return knownMs + fallingWeight * (measuredMs - knownMs);
}

/**
 * How much longer to wait when a timer of `patienceMs` rings after `waitedMs`: not at all, or all of it again when it rang
 * late. Then this process did not run, and the answer may lie there unread: its own delay is no node's fault.
 */
export function patienceLeftMs(patienceMs: number, waitedMs: number): number {
  return waitedMs - patienceMs > lateMs ? patienceMs : 0;
}
