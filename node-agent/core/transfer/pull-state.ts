// What a pull of a file from nodes knows, what it is told, and what it has done.
import { chunkCount } from "./chunks.ts";

/** The numbers of a pull. */
export const pullLimits = {
  /** Chunks that may be under way or wait for the ones before them: what a pull holds in memory. */
  windowChunks: 4,
  /** One comes and the others wait for their turn, so that the line never waits for a question. */
  readsPerPeer: 3,
  /** Wait before a node that is busy, or has nothing more, is asked again; jitter makes it up to twice as long. */
  busyMs: 10,
  failureWaitMinMs: 100,
  failureWaitMaxMs: 5000,
  /** A node that failed so often in a row is not counted on; it is asked now and then all the same. */
  failuresMax: 3,
  /** Without a chunk for so long a pull from nodes has failed. */
  patienceMs: 15_000,
  /** The first missing chunk is asked of a second node as well, when all others wait for it this long. */
  hedgeMs: 2000,
  /** A chunk that a node has not begun to send for so long is asked of another one that pulls. */
  moveMs: 300,
  /** A node that pulls itself and has got nothing for so long is not waited for. */
  followMs: 1000,
} as const;

/** A chunk that a node was asked for. */
export type PullRead = { readonly startedAtMs: number; hasBegun: boolean };

export type PullPeer = {
  readonly address: string;
  /** Chunks that it can send, from the beginning. */
  heldChunks: number;
  /** When that last grew. */
  heldAtMs: number;
  readonly reading: Map<number, PullRead>;
  isProbing: boolean;
  notBeforeMs: number;
  /** It had nothing more: it is not asked for that, and is still the one to wait for. */
  noProbeBeforeMs: number;
  /** In a row. */
  failures: number;
  /** It sent what its digest was not: it is asked no more. */
  isStruck: boolean;
  /** What it said last, for the message of a failure. */
  lastFailure: string;
};

export type PullState = {
  readonly chunks: number;
  /** Chunks whose digest was right, from the beginning. */
  verified: number;
  /** Of these, those on disk. */
  written: number;
  /** Whether a node has proved what an earlier pull left here. */
  isConfirmed: boolean;
  /** Chunks that came whole, by the node that sent them. */
  readonly arrived: Map<number, string>;
  isVerifying: boolean;
  readonly peers: Map<string, PullPeer>;
  /** Who sent last. */
  upstream: PullPeer | null;
  lastProgressMs: number;
  /** Drawn by the caller for each event, 0 to 1. */
  jitter: number;
};

export type PullEvent =
  | { readonly kind: "timePassed" }
  | { readonly kind: "peerAdded"; readonly address: string }
  /** A node has told how much it holds. */
  | { readonly kind: "peerHolds"; readonly address: string; readonly chunks: number }
  | { readonly kind: "probeEnded"; readonly address: string; readonly failure: string | null }
  /** The first bytes of a chunk are here. */
  | { readonly kind: "chunkBegan"; readonly address: string; readonly chunk: number }
  | { readonly kind: "chunkCame"; readonly address: string; readonly chunk: number }
  | { readonly kind: "readEnded"; readonly address: string; readonly chunk: number; readonly end: ReadEnd }
  | { readonly kind: "chunkVerified" }
  | { readonly kind: "chunkWritten" }
  /** The first chunk that is not verified was not what its digest said. */
  | { readonly kind: "chunkRefused" }
  /** All chunks fit together, and are another file. */
  | { readonly kind: "fileRefused" };

/** Why a read brought nothing. */
export type ReadEnd = { readonly kind: "busy" | "notHeld" } | { readonly kind: "failed"; readonly message: string };

export type PullEffect =
  | { readonly kind: "read"; readonly address: string; readonly chunk: number }
  /** Asks how much a node holds, once it is more than up to the chunk. */
  | { readonly kind: "probe"; readonly address: string; readonly chunk: number }
  | { readonly kind: "cancelRead"; readonly address: string; readonly chunk: number }
  /** Compares the chunk's digest. */
  | { readonly kind: "verify"; readonly address: string; readonly chunk: number }
  /** The node may not know that its file is damaged. */
  | { readonly kind: "tellDoubt"; readonly address: string; readonly chunk: number }
  /** What is on disk is of no use: begins anew. */
  | { readonly kind: "discard" }
  | { readonly kind: "finish" }
  | { readonly kind: "giveUp"; readonly reason: string };

export type PullStart = { readonly fileBytes: number; readonly heldChunks: number; readonly nowMs: number };

export function startPull({ fileBytes, heldChunks, nowMs }: PullStart): PullState {
  return {
    chunks: chunkCount(fileBytes),
    verified: heldChunks,
    written: heldChunks,
    isConfirmed: heldChunks === 0,
    arrived: new Map(),
    isVerifying: false,
    peers: new Map(),
    upstream: null,
    lastProgressMs: nowMs,
    jitter: 0.5,
  };
}
