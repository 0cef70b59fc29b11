// How many bytes of states a node takes from others: what it keeps at a time, and what it writes in a day.

export type PeerStateLimits = {
  /** At a time; 0 takes none. */
  readonly bytesMax: number;
  /** Flash memory wears out. */
  readonly writeBytesPerDay: number;
};

export type PeerStateUse = {
  heldBytes: number;
  /** Of the last 24 hours. */
  writes: { readonly atMs: number; readonly bytes: number }[];
};

const dayMs = 86_400_000;

export function noPeerStates(): PeerStateUse {
  return { heldBytes: 0, writes: [] };
}

/** Makes room for a state; false when there is none. Whoever got it gives it back with `giveRoom`. */
export function takeRoom(
  use: PeerStateUse,
  bytes: number,
  { nowMs, limits }: { readonly nowMs: number; readonly limits: PeerStateLimits },
): boolean {
  use.writes = use.writes.filter(({ atMs }) => atMs > nowMs - dayMs);
  const written = use.writes.reduce((sum, write) => sum + write.bytes, 0);
  if (use.heldBytes + bytes > limits.bytesMax || written + bytes > limits.writeBytesPerDay) return false;
  use.heldBytes += bytes;
  use.writes.push({ atMs: nowMs, bytes });
  return true;
}

export function giveRoom(use: PeerStateUse, bytes: number): void {
  use.heldBytes -= bytes;
}
