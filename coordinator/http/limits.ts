import { defaultStoreLimits, type StoreLimits } from "./openai/responses/response-store.ts";

/** What one client may take of the HTTP side. Every figure has a default; tests shorten the times. */
export type HttpLimits = StoreLimits & {
  /** Bytes of a request body. Default 10 MB. */
  readonly bodyBytesMax: number;
  /** Bytes of all bodies that are on their way, half of them at most of one client. Default 512 MB. */
  readonly bodiesBytesMax: number;
  /** Time for the rest of a body that is refused. Default 2 s. */
  readonly refusedBodyMs: number;
  /** Time for all headers of a request to arrive. Default 10 s. */
  readonly headersTimeoutMs: number;
  /** Time for a whole request, its body included, to arrive. Default 60 s. */
  readonly requestTimeoutMs: number;
  /** Connections at once; more are refused. Default 4,096. */
  readonly connectionsMax: number;
  /** A stream that waits sends its headers after this time, bound or not. Default 5 s. */
  readonly headersAfterMs: number;
  /** A stream that waits sends a comment this often. Default 4 s, so that a busy process still keeps to five. */
  readonly commentEveryMs: number;
  /** Bytes that may wait for a slow reader before its stream waits for it. Default 64 KiB. */
  readonly bufferedBytesMax: number;
  /** A reader that takes nothing for this time is cut off. Default 60 s. */
  readonly stalledReaderMs: number;
  /** Time that running answers get when the server stops; then each is told that it ends. Default 2 s. */
  readonly closeGraceMs: number;
};

export const defaultHttpLimits: HttpLimits = {
  bodyBytesMax: 10_000_000,
  bodiesBytesMax: 512_000_000,
  refusedBodyMs: 2000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  connectionsMax: 4096,
  headersAfterMs: 5000,
  commentEveryMs: 4000,
  bufferedBytesMax: 64 * 1024,
  stalledReaderMs: 60_000,
  closeGraceMs: 2000,
  ...defaultStoreLimits,
};
