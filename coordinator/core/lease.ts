// Which of several coordinators is active: a lease in NATS that its holder renews by compare-and-set.
//
// Every span is measured by one process's own monotonic clock; no time is ever compared between machines. A write takes
// effect after it was sent, and others see it later still: who counts `heldMs` from the sending has given up before
// anyone else has seen the same revision for `leaseMs`, however long messages take. What is between the two figures
// covers clocks that run at different speeds, and the time from looking at the clock to acting.
//
// While the bucket cannot be read by anyone, nobody can take the lease over. So the holder goes on without renewing it
// when it noticed in time, while it still held the lease, that its connection broke: generation does not end with NATS.
// It cannot tell an outage for all from a cut line of its own. In the second case another one takes over. The holder asks
// those that it knows of by HTTP, and gives up when one is active with a higher term; where it cannot reach them either,
// nodes know the higher term: they do not let a lower one end attempts. A holder that was paused notices at its first event,
// because its lease has run out meanwhile, connection or not. A holder that knows of no other coordinator goes on in any
// case: a slow disk under NATS must not stop a pool that has one coordinator only.
import { unreachable } from "@pomona/shared/core/assert";

/** A coordinator and where others reach it, host:port. */
export type CoordinatorAddress = {
  readonly id: string;
  readonly httpAddress: string;
  readonly grpcAddress: string;
};

/** What the lease says. Without a holder it was given back. Terms grow by one at each takeover. */
export type LeaseRecord = { readonly holder: CoordinatorAddress | null; readonly term: number };

export type LeaseConfig = {
  /** Others take over when a revision has not changed for so long. */
  readonly leaseMs: number;
  /** The holder gives up so long after it sent the last write that succeeded. */
  readonly heldMs: number;
  readonly renewEveryMs: number;
  /** After a write that failed. */
  readonly retryEveryMs: number;
  /** How long a start waits for NATS before it may go on without. */
  readonly startAloneAfterMs: number;
};

export const defaultLeaseConfig: LeaseConfig = {
  leaseMs: 2000,
  heldMs: 1500,
  renewEveryMs: 500,
  retryEveryMs: 100,
  startAloneAfterMs: 3000,
};

/** What the bucket says. Revision 0 is that of a record that is not there. */
type Seen = { readonly revision: number; readonly record: LeaseRecord | null; readonly sinceMs: number };

/** Changed in place by `stepLease`. */
export type LeaseState = {
  readonly self: CoordinatorAddress;
  /** Or went on after a pause: since then NATS is waited for. */
  startedAtMs: number;
  /** Who held it when this coordinator last knew, before it was restarted; null when it never did. */
  readonly rememberedHolder: string | null;
  /** Whether the bucket has been read on the present connection. */
  isReadable: boolean;
  /** Whether another coordinator is there that could take over. */
  hasRivals: boolean;
  seen: Seen | null;
  /** The highest that is known. */
  term: number;
  /** Whether a higher term than its own ended a reign: while NATS is away, it is that one's to go on. */
  wasSuperseded: boolean;
  /** Of the last reign of this coordinator since its start. */
  ledTerm: number;
  /** null for whoever is not active. */
  reign: { readonly term: number; readonly heldUntilMs: number } | null;
  writeAfterMs: number;
  /** When the last event came: ticks come every 50 ms, so that a long gap is a pause of the process. */
  lookedAtMs: number;
  isClosing: boolean;
};

export type LeaseWrite = {
  /** That it replaces: 0 for a record that is not there. */
  readonly revision: number;
  readonly record: LeaseRecord;
  readonly sentAtMs: number;
};

export type LeaseEvent =
  /** `isNewBucket`: the one that was known is lost. */
  | {
      readonly kind: "seen";
      readonly revision: number;
      readonly record: LeaseRecord | null;
      readonly isNewBucket: boolean;
    }
  /** The connection to NATS is lost. */
  | { readonly kind: "away" }
  | { readonly kind: "written"; readonly write: LeaseWrite; readonly revision: number }
  /** Somebody else, or an own write without an answer, was faster. */
  | { readonly kind: "conflict" }
  | { readonly kind: "unavailable" }
  | { readonly kind: "rivals"; readonly areThere: boolean }
  /** Another coordinator is active with this term, as itself or a node says. */
  | { readonly kind: "superseded"; readonly term: number }
  | { readonly kind: "tick" }
  /** This coordinator stops. */
  | { readonly kind: "closing" };

export type LeaseEffect =
  | { readonly kind: "write"; readonly write: LeaseWrite }
  /** Ask the bucket, and tell by `seen`. */
  | { readonly kind: "read" }
  /** Active from now on, or active already and of this term from now on. */
  | { readonly kind: "lead"; readonly term: number }
  | { readonly kind: "follow"; readonly reason: string };

export type LeaseContext = { readonly state: LeaseState; readonly nowMs: number; readonly config: LeaseConfig };

export function initialLease(
  self: CoordinatorAddress,
  known: { readonly startedAtMs: number; readonly term: number; readonly rememberedHolder: string | null },
): LeaseState {
  return {
    self,
    ...known,
    isReadable: false,
    hasRivals: false,
    wasSuperseded: false,
    seen: null,
    ledTerm: 0,
    reign: null,
    writeAfterMs: Number.NEGATIVE_INFINITY,
    lookedAtMs: known.startedAtMs,
    isClosing: false,
  };
}

/** Whether this coordinator may act as the active one now: ask before acting, a pause may lie behind it. */
export function isLeading({ reign, hasRivals }: LeaseState, nowMs: number): boolean {
  return reign !== null && (!hasRivals || nowMs < reign.heldUntilMs);
}

/** Who is active as far as the bucket says; null when nobody is, or this one. */
export function otherHolder({ seen, self }: LeaseState): (CoordinatorAddress & { readonly term: number }) | null {
  const record = seen?.record ?? null;
  if (record === null || record.holder === null || record.holder.id === self.id) return null;
  return { ...record.holder, term: record.term };
}

export function stepLease(event: LeaseEvent, context: LeaseContext): readonly LeaseEffect[] {
  const effects: LeaseEffect[] = [];
  const { state, nowMs } = context;
  if (state.reign !== null && !isLeading(state, nowMs))
    stepDown(state, effects, "the lease could not be renewed in time");
  notePause(context);
  take(event, context, effects);
  if (event.kind !== "closing") writeWhenDue(context, effects);
  return effects;
}

/** Of whoever did not look, the time does not count: NATS may have been away for all, and this one was not told yet. */
function notePause({ state, nowMs, config }: LeaseContext): void {
  const isPause = nowMs - state.lookedAtMs > config.leaseMs - config.heldMs;
  state.lookedAtMs = nowMs;
  if (!isPause) return;
  state.startedAtMs = nowMs;
  if (state.seen !== null) state.seen = { ...state.seen, sinceMs: nowMs };
}

function take(event: LeaseEvent, context: LeaseContext, effects: LeaseEffect[]): void {
  const { state, nowMs, config } = context;
  switch (event.kind) {
    case "seen":
      see(event, context, effects);
      return;
    case "away":
      state.isReadable = false;
      return;
    case "written":
      noteWritten(event, context, effects);
      return;
    case "conflict":
      effects.push({ kind: "read" });
      state.writeAfterMs = nowMs + config.retryEveryMs;
      return;
    case "unavailable":
      state.writeAfterMs = nowMs + config.retryEveryMs;
      return;
    case "rivals":
      // Whoever was alone has not looked at the time: it counts from now.
      if (event.areThere && !state.hasRivals) extend(context);
      state.hasRivals = event.areThere;
      return;
    case "superseded":
      state.term = Math.max(state.term, event.term);
      if (state.reign === null || event.term <= state.reign.term) return;
      state.wasSuperseded = true;
      stepDown(state, effects, `another coordinator is active, with term ${event.term}`);
      return;
    case "tick":
      goOnWithoutNats(context, effects);
      return;
    case "closing":
      giveBack(context, effects);
      return;
    default:
      unreachable(event);
  }
}

function see(
  { revision, record, isNewBucket }: LeaseEvent & { kind: "seen" },
  { state, nowMs }: LeaseContext,
  effects: LeaseEffect[],
): void {
  const before = state.seen;
  if (state.isReadable && !isNewBucket && before !== null && revision <= before.revision) return;
  // Of a connection made anew. Echoes of own writes are no reason to write again.
  if (!state.isReadable) state.writeAfterMs = nowMs;
  state.isReadable = true;
  // In a bucket in which there never was a record nobody is to be waited for.
  const isFirst = before === null && record === null;
  state.seen = { revision, record, sinceMs: isFirst ? Number.NEGATIVE_INFINITY : nowMs };
  state.term = Math.max(state.term, record?.term ?? 0);
  const holder = record?.holder ?? null;
  if (state.reign !== null && holder !== null && holder.id !== state.self.id)
    stepDown(state, effects, `${holder.httpAddress} is active, with term ${record?.term}`);
}

function noteWritten(
  { write, revision }: LeaseEvent & { kind: "written" },
  { state, nowMs, config }: LeaseContext,
  effects: LeaseEffect[],
): void {
  const { record, sentAtMs } = write;
  if (state.isReadable && (state.seen === null || revision > state.seen.revision))
    state.seen = { revision, record, sinceMs: nowMs };
  const { term } = record;
  state.term = Math.max(state.term, term);
  if (record.holder === null || state.isClosing) return;
  const heldUntilMs = sentAtMs + config.heldMs;
  const { reign } = state;
  // A reign that has ended is not taken up again: the next one has a term of its own.
  if (reign === null && (nowMs >= heldUntilMs || term <= state.ledTerm)) return;
  if (reign !== null && term < reign.term) return;
  state.ledTerm = term;
  state.reign = { term, heldUntilMs: Math.max(heldUntilMs, reign?.heldUntilMs ?? heldUntilMs) };
  if (reign?.term !== term) effects.push({ kind: "lead", term });
}

/** The rule of the header: on while nobody can take the lease over, as far as can be known here. */
function goOnWithoutNats(context: LeaseContext, effects: LeaseEffect[]): void {
  const { state, nowMs, config } = context;
  if (state.isReadable) return;
  if (state.reign !== null) {
    extend(context);
    return;
  }
  const { rememberedHolder, wasSuperseded, self, seen, startedAtMs, isClosing } = state;
  const wasOther = wasSuperseded || (rememberedHolder !== null && rememberedHolder !== self.id);
  if (wasOther || seen !== null || isClosing || nowMs - startedAtMs < config.startAloneAfterMs) return;
  state.reign = { term: state.term, heldUntilMs: nowMs + config.heldMs };
  effects.push({ kind: "lead", term: state.term });
}

function extend({ state, nowMs, config }: LeaseContext): void {
  if (state.reign === null) return;
  state.reign = { ...state.reign, heldUntilMs: Math.max(state.reign.heldUntilMs, nowMs + config.heldMs) };
}

function giveBack({ state, nowMs }: LeaseContext, effects: LeaseEffect[]): void {
  state.isClosing = true;
  if (state.reign !== null && state.isReadable && state.seen !== null) {
    const record = { holder: null, term: state.reign.term };
    effects.push({ kind: "write", write: { revision: state.seen.revision, record, sentAtMs: nowMs } });
  }
  state.reign = null;
}

function stepDown(state: LeaseState, effects: LeaseEffect[], reason: string): void {
  state.reign = null;
  effects.push({ kind: "follow", reason });
}

function writeWhenDue({ state, nowMs, config }: LeaseContext, effects: LeaseEffect[]): void {
  const { isReadable, isClosing, seen, reign, self } = state;
  if (!isReadable || isClosing || seen === null || nowMs < state.writeAfterMs) return;
  if (reign === null && !mayTake(seen, { state, nowMs, config })) return;
  state.writeAfterMs = nowMs + config.renewEveryMs;
  const record = { holder: self, term: termToWrite(state, seen) };
  effects.push({ kind: "write", write: { revision: seen.revision, record, sentAtMs: nowMs } });
}

function mayTake({ record, sinceMs }: Seen, { state, nowMs, config }: LeaseContext): boolean {
  // Given back, or held by an earlier start of this coordinator, or by a reign of it that has ended.
  if (record !== null && (record.holder === null || record.holder.id === state.self.id)) return true;
  return nowMs - sinceMs >= config.leaseMs;
}

function termToWrite({ reign, term }: LeaseState, { record }: Seen): number {
  if (reign === null) return term + 1;
  const isOwn = record === null ? reign.term > 0 : record.term === reign.term && record.holder !== null;
  return isOwn ? reign.term : term + 1;
}
