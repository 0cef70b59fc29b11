// Original file: pomona/v1/generation.proto

import type { TopLogprob as _pomona_v1_TopLogprob, TopLogprob__Output as _pomona_v1_TopLogprob__Output } from '../../pomona/v1/TopLogprob.ts';

/**
 * Natural logarithms of the probabilities that the model itself gives, before temperature and filters.
 */
export interface TokenLogprobs {
  'logprob'?: (number | string);
  /**
   * Most likely first.
   */
  'top'?: (_pomona_v1_TopLogprob)[];
}

/**
 * Natural logarithms of the probabilities that the model itself gives, before temperature and filters.
 */
export interface TokenLogprobs__Output {
  'logprob': (number);
  /**
   * Most likely first.
   */
  'top': (_pomona_v1_TopLogprob__Output)[];
}
