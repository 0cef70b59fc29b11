// Original file: pomona/v1/inference.proto

import type { TopLogprob as _pomona_v1_TopLogprob, TopLogprob__Output as _pomona_v1_TopLogprob__Output } from '../../pomona/v1/TopLogprob.ts';

export interface LoggedToken {
  /**
   * UTF-8 bytes; a character may be cut between two tokens.
   */
  'text'?: (Buffer | Uint8Array | string);
  'logprob'?: (number | string);
  /**
   * Most likely first.
   */
  'top'?: (_pomona_v1_TopLogprob)[];
}

export interface LoggedToken__Output {
  /**
   * UTF-8 bytes; a character may be cut between two tokens.
   */
  'text': (Buffer);
  'logprob': (number);
  /**
   * Most likely first.
   */
  'top': (_pomona_v1_TopLogprob__Output)[];
}
