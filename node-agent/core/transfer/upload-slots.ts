// Whom a node sends chunks to at the same time.

/** A chunk that is on its way to another node. */
export type Upload = { readonly receiver: string; readonly startedAtMs: number };

export const uploadLimits = {
  /** Chunks that are sent at the same time, whoever gets them. */
  uploadsMax: 16,
  /** A chunk that takes longer than this does not fill the line, and others are served beside it. */
  aloneMs: 250,
} as const;

/**
 * One receiver at a time while it takes what the line gives: it gets ahead of the others, who then have it to ask, and
 * the file goes through every line once instead of several times through the first one.
 */
export function mayUpload(running: readonly Upload[], receiver: string, nowMs: number): boolean {
  if (running.length >= uploadLimits.uploadsMax) return false;
  return running.every((upload) => upload.receiver === receiver || nowMs - upload.startedAtMs >= uploadLimits.aloneMs);
}
