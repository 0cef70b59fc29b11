// Whom a node sends chunks to next.

/** A chunk that is on its way to another node. */
export type Upload = {
  readonly receiver: string;
  /** When a piece of it last left. */
  movedAtMs: number;
};
/** A chunk that another node waits for. */
export type WaitingUpload = { readonly receiver: string; readonly sinceMs: number };

export const uploadLimits = {
  /** Chunks that are sent at the same time, whoever gets them. */
  uploadsMax: 16,
  /** A chunk of which nothing left for so long does not fill the line, and others are served beside it. */
  idleMs: 25,
  /** More than 2.5 gigabit Ethernet: what goes so fast is held back by processors, and others are served beside it. */
  fastBytesPerSecond: 320e6,
  /** Nobody waits much longer than this for a turn. */
  fairMs: 1000,
  /** Chunks that may wait; one more is refused. */
  waitingMax: 256,
} as const;

export type UploadState = {
  readonly running: readonly Upload[];
  /** In the order of their coming. */
  readonly waiting: readonly WaitingUpload[];
  readonly lastReceiver: string;
  /** What all running uploads together have sent lately. */
  readonly bytesPerSecond: number;
};

/**
 * Index of the waiting upload that begins now; null when none does. One chunk at a time, and the next of the same receiver
 * first: it gets ahead of the others, who then have it to ask, and the file goes through every line once instead of several
 * times through the first one.
 */
export function nextUpload(state: UploadState, nowMs: number): number | null {
  const { running, waiting, lastReceiver, bytesPerSecond } = state;
  const isMoving = running.some(({ movedAtMs }) => nowMs - movedAtMs < uploadLimits.idleMs);
  const isLineFull = isMoving && bytesPerSecond < uploadLimits.fastBytesPerSecond;
  if (isLineFull || waiting.length === 0 || running.length >= uploadLimits.uploadsMax) return null;
  const starving = waiting.findIndex(({ sinceMs }) => nowMs - sinceMs >= uploadLimits.fairMs);
  if (starving !== -1) return starving;
  // Nobody gets two chunks at the same time while others get none.
  const isServed = ({ receiver }: WaitingUpload): boolean => running.some((upload) => upload.receiver === receiver);
  const same = waiting.findIndex((upload) => upload.receiver === lastReceiver && !isServed(upload));
  const next = same === -1 ? waiting.findIndex((upload) => !isServed(upload)) : same;
  return next === -1 ? null : next;
}
