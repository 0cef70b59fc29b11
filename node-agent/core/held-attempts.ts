// The attempts that a node holds: which one of a request may start, and until when one that nobody reads is kept.
import type { RequestId } from "@pomona/shared/core/ids";
import type { RunningAttempt } from "@pomona/shared/core/node-status";

/** Ended attempts that are kept to be attached; the oldest leave first. */
export const endedAttemptsMax = 256;
/**
 * Tokens of all of them, each alternative of a log-probability counted as one: about 150 MB, at 580 bytes a token and 220
 * an alternative as measured. The one that ended last is kept in any case.
 */
export const endedTokensMax = 262_144;

/** Names one attempt. */
export type AttemptId = { readonly requestId: RequestId; readonly epoch: number };

export type HeldAttempt = AttemptId & {
  /** How long it is kept from when its last reader left; 0 ends it at once. */
  readonly orphanMs: number;
  readers: number;
  /** When its last reader left; null while somebody reads it. */
  unreadFromMs: number | null;
  /** One that is `ending` holds its slot until the engine has ended it, and cannot be attached any more. */
  state: "running" | "ending" | "ended";
  /** See `endedTokensMax`; 0 until it has ended. */
  tokens: number;
};

export type HeldAttempts = {
  /** One of each request; those that have ended in the order in which they did. */
  readonly attempts: Map<RequestId, HeldAttempt>;
  /** Epochs that wait for an older attempt of their request to leave its slot. */
  readonly claims: Map<RequestId, number>;
};

export function noHeldAttempts(): HeldAttempts {
  return { attempts: new Map(), claims: new Map() };
}

export type HeldAttemptsEvent =
  /** An attempt that may start is about to: an older one of its request ends. */
  | ({ readonly kind: "claimed" } & AttemptId)
  /** It is not going to start. */
  | ({ readonly kind: "claimLeft" } & AttemptId)
  /** Whoever starts an attempt reads it. */
  | ({ readonly kind: "started"; readonly orphanMs: number } & AttemptId)
  | ({ readonly kind: "readerCame" } & AttemptId)
  | ({ readonly kind: "readerLeft"; readonly hasEnding: boolean } & AttemptId)
  /** The engine has said its last frame. */
  | ({ readonly kind: "ended"; readonly tokens: number } & AttemptId)
  | ({ readonly kind: "cancelAsked" } & AttemptId)
  | { readonly kind: "keepAsked"; readonly live: readonly AttemptId[] }
  | { readonly kind: "timePassed" };

export type HeldAttemptsEffect =
  /** The engine is to end it. */
  | ({ readonly kind: "endInEngine" } & AttemptId)
  /** Its frames may go. Readers that are left go on with what they have, or are cut off. */
  | ({ readonly kind: "release"; readonly cutsReaders: boolean } & AttemptId);

/** Changes the state in place. @param nowMs monotonic milliseconds. */
export function stepHeldAttempts(state: HeldAttempts, event: HeldAttemptsEvent, nowMs: number): HeldAttemptsEffect[] {
  switch (event.kind) {
    case "claimed":
      state.claims.set(event.requestId, event.epoch);
      return endAll(state, [state.attempts.get(event.requestId)]);
    case "claimLeft":
      dropClaim(state, event);
      return [];
    case "started": {
      const { requestId, epoch, orphanMs } = event;
      const reading = { readers: 1, unreadFromMs: null, state: "running", tokens: 0 } as const;
      dropClaim(state, event);
      state.attempts.set(requestId, { requestId, epoch, orphanMs, ...reading });
      return [];
    }
    case "readerCame": {
      const attempt = heldAttempt(state, event);
      if (attempt === undefined) return [];
      attempt.readers += 1;
      attempt.unreadFromMs = null;
      return [];
    }
    case "readerLeft":
      return readerLeft(state, event, nowMs);
    case "ended":
      return ended(state, event);
    case "cancelAsked":
      dropClaim(state, event);
      return endAll(state, [heldAttempt(state, event)]);
    case "keepAsked":
      return keepOnly(state, event);
    case "timePassed":
      return endOrphans(state, nowMs);
  }
}

/** The attempt of exactly this epoch. */
function heldAttempt(state: HeldAttempts, { requestId, epoch }: AttemptId): HeldAttempt | undefined {
  const attempt = state.attempts.get(requestId);
  return attempt?.epoch === epoch ? attempt : undefined;
}

/** Whether an attempt can be read from now on. */
export function isAttachable(state: HeldAttempts, id: AttemptId): boolean {
  const attempt = heldAttempt(state, id);
  return attempt !== undefined && attempt.state !== "ending";
}

/** Why an attempt must not start: the same or a later one of its request is here, or waits to start. null when it may. */
export function refuseStart({ attempts, claims }: HeldAttempts, { requestId, epoch }: AttemptId): string | null {
  const known = Math.max(attempts.get(requestId)?.epoch ?? 0, claims.get(requestId) ?? 0);
  return known < epoch ? null : `request ${requestId} is already here with epoch ${known}; ${epoch} is not later`;
}

/** Whether an attempt is generated now. */
export function holdsSlots({ attempts }: HeldAttempts): boolean {
  return [...attempts.values()].some(({ state }) => state !== "ended");
}

/** Whether an attempt is here and nobody reads it. */
export function isOrphaned(state: HeldAttempts, id: AttemptId): boolean {
  const attempt = heldAttempt(state, id);
  return attempt !== undefined && attempt.unreadFromMs !== null;
}

/** Attempts that can be attached although they hold no slot any more. */
export function endedAttempts(state: HeldAttempts): RunningAttempt[] {
  return [...state.attempts.values()].filter((attempt) => attempt.state === "ended").map(asReported);
}

/** Those of a list that can be attached. */
export function keptOf(state: HeldAttempts, ids: readonly AttemptId[]): RunningAttempt[] {
  return ids.flatMap((id) => {
    const attempt = heldAttempt(state, id);
    return attempt === undefined || attempt.state === "ending" ? [] : [asReported(attempt)];
  });
}

function asReported({ requestId, epoch, unreadFromMs }: HeldAttempt): RunningAttempt {
  return { requestId, epoch, isOrphaned: unreadFromMs !== null };
}

/** When the next orphan is due to end; null while there is none. */
export function nextDueMs(state: HeldAttempts): number | null {
  let next: number | null = null;
  for (const attempt of state.attempts.values()) {
    const dueMs = dueMsOf(attempt);
    if (dueMs !== null && (next === null || dueMs < next)) next = dueMs;
  }
  return next;
}

function dueMsOf({ unreadFromMs, orphanMs, state }: HeldAttempt): number | null {
  return unreadFromMs === null || state === "ending" ? null : unreadFromMs + orphanMs;
}

function endOrphans(state: HeldAttempts, nowMs: number): HeldAttemptsEffect[] {
  const isDue = (attempt: HeldAttempt): boolean => (dueMsOf(attempt) ?? Number.POSITIVE_INFINITY) <= nowMs;
  return endAll(state, [...state.attempts.values()].filter(isDue));
}

/** Ends those that run, and forgets those that have ended. */
function endAll(state: HeldAttempts, attempts: readonly (HeldAttempt | undefined)[]): HeldAttemptsEffect[] {
  return attempts.flatMap((attempt): HeldAttemptsEffect[] => {
    if (attempt === undefined || attempt.state === "ending") return [];
    if (attempt.state === "ended") return release(state, attempt, { cutsReaders: true });
    attempt.state = "ending";
    const { requestId, epoch } = attempt;
    return [{ kind: "endInEngine", requestId, epoch }];
  });
}

function release(
  state: HeldAttempts,
  { requestId, epoch }: HeldAttempt,
  how: { readonly cutsReaders: boolean },
): HeldAttemptsEffect[] {
  state.attempts.delete(requestId);
  return [{ kind: "release", requestId, epoch, ...how }];
}

function readerLeft(
  state: HeldAttempts,
  event: HeldAttemptsEvent & { kind: "readerLeft" },
  nowMs: number,
): HeldAttemptsEffect[] {
  const attempt = heldAttempt(state, event);
  if (attempt === undefined) return [];
  attempt.readers -= 1;
  // Whoever has the ending wants no more of it, and neither does anybody else.
  if (event.hasEnding) return release(state, attempt, { cutsReaders: false });
  if (attempt.readers > 0) return [];
  attempt.unreadFromMs = nowMs;
  return endOrphans(state, nowMs);
}

function ended(state: HeldAttempts, event: HeldAttemptsEvent & { kind: "ended" }): HeldAttemptsEffect[] {
  const attempt = heldAttempt(state, event);
  if (attempt === undefined) return [];
  // Somebody wanted it to end: its readers are told so, and nobody else asks.
  if (attempt.state === "ending") return release(state, attempt, { cutsReaders: false });
  attempt.state = "ended";
  attempt.tokens = event.tokens;
  state.attempts.delete(attempt.requestId);
  state.attempts.set(attempt.requestId, attempt);
  return endAll(state, tooMany(state));
}

/** Ended attempts beyond the limits, those that ended first. */
function tooMany(state: HeldAttempts): HeldAttempt[] {
  const latestFirst = [...state.attempts.values()].filter((attempt) => attempt.state === "ended").reverse();
  let tokens = 0;
  const surplus = latestFirst.filter((attempt, index) => {
    tokens += attempt.tokens;
    return index > 0 && (index >= endedAttemptsMax || tokens > endedTokensMax);
  });
  return surplus.reverse();
}

function keepOnly(state: HeldAttempts, { live }: HeldAttemptsEvent & { kind: "keepAsked" }) {
  const keys = new Set(live.map(keyOf));
  for (const [requestId, epoch] of state.claims)
    if (!keys.has(keyOf({ requestId, epoch }))) state.claims.delete(requestId);
  return endAll(
    state,
    [...state.attempts.values()].filter((attempt) => !keys.has(keyOf(attempt))),
  );
}

function keyOf({ requestId, epoch }: AttemptId): string {
  return `${requestId}/${epoch}`;
}

function dropClaim({ claims }: HeldAttempts, { requestId, epoch }: AttemptId): void {
  if (claims.get(requestId) === epoch) claims.delete(requestId);
}
