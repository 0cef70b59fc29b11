// Original file: pomona/v1/generation.proto

import type { TokenLogprobs as _pomona_v1_TokenLogprobs, TokenLogprobs__Output as _pomona_v1_TokenLogprobs__Output } from '../../pomona/v1/TokenLogprobs.ts';

/**
 * Consecutive generated tokens. `ids` and `texts` have the same length.
 */
export interface TokenChunk {
  /**
   * Index of the first token: 0 is the first generated token of the request, whatever the epoch.
   */
  'firstIndex'?: (number);
  'ids'?: (number)[];
  /**
   * UTF-8 bytes of each token; a character may be cut between two tokens.
   */
  'texts'?: (Buffer | Uint8Array | string)[];
  /**
   * As many as ids, or none.
   */
  'logprobs'?: (_pomona_v1_TokenLogprobs)[];
}

/**
 * Consecutive generated tokens. `ids` and `texts` have the same length.
 */
export interface TokenChunk__Output {
  /**
   * Index of the first token: 0 is the first generated token of the request, whatever the epoch.
   */
  'firstIndex': (number);
  'ids': (number)[];
  /**
   * UTF-8 bytes of each token; a character may be cut between two tokens.
   */
  'texts': (Buffer)[];
  /**
   * As many as ids, or none.
   */
  'logprobs': (_pomona_v1_TokenLogprobs__Output)[];
}
