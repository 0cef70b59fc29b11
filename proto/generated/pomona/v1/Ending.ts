// Original file: pomona/v1/generation.proto

import type { FinishReason as _pomona_v1_FinishReason, FinishReason__Output as _pomona_v1_FinishReason__Output } from '../../pomona/v1/FinishReason.ts';
import type { ErrorDetail as _pomona_v1_ErrorDetail, ErrorDetail__Output as _pomona_v1_ErrorDetail__Output } from '../../pomona/v1/ErrorDetail.ts';
import type { Usage as _pomona_v1_Usage, Usage__Output as _pomona_v1_Usage__Output } from '../../pomona/v1/Usage.ts';
import type { Timings as _pomona_v1_Timings, Timings__Output as _pomona_v1_Timings__Output } from '../../pomona/v1/Timings.ts';
import type { TokenLogprobs as _pomona_v1_TokenLogprobs, TokenLogprobs__Output as _pomona_v1_TokenLogprobs__Output } from '../../pomona/v1/TokenLogprobs.ts';

/**
 * The last frame of a generation, exactly once.
 */
export interface Ending {
  'reason'?: (_pomona_v1_FinishReason);
  /**
   * Set when reason is FAILED or EXPIRED.
   */
  'error'?: (_pomona_v1_ErrorDetail | null);
  'usage'?: (_pomona_v1_Usage | null);
  'timings'?: (_pomona_v1_Timings | null);
  /**
   * Of the token that ended the answer and is no part of it, where the prompt's log-probabilities were asked for.
   */
  'endLogprobs'?: (_pomona_v1_TokenLogprobs | null);
}

/**
 * The last frame of a generation, exactly once.
 */
export interface Ending__Output {
  'reason': (_pomona_v1_FinishReason__Output);
  /**
   * Set when reason is FAILED or EXPIRED.
   */
  'error': (_pomona_v1_ErrorDetail__Output | null);
  'usage': (_pomona_v1_Usage__Output | null);
  'timings': (_pomona_v1_Timings__Output | null);
  /**
   * Of the token that ended the answer and is no part of it, where the prompt's log-probabilities were asked for.
   */
  'endLogprobs': (_pomona_v1_TokenLogprobs__Output | null);
}
