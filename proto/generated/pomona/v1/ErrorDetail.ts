// Original file: pomona/v1/generation.proto

import type { QueueOutlook as _pomona_v1_QueueOutlook, QueueOutlook__Output as _pomona_v1_QueueOutlook__Output } from '../../pomona/v1/QueueOutlook.ts';

export interface ErrorDetail {
  /**
   * A code of the closed set in shared/core/errors.ts.
   */
  'code'?: (string);
  'message'?: (string);
  'isRetryable'?: (boolean);
  /**
   * When to try again; 0 when nothing is known.
   */
  'retryAfterMs'?: (number | string);
  /**
   * How full the pool is, where that is the reason.
   */
  'queue'?: (_pomona_v1_QueueOutlook | null);
  /**
   * The field of the request that was wrong; empty when no single one was.
   */
  'field'?: (string);
}

export interface ErrorDetail__Output {
  /**
   * A code of the closed set in shared/core/errors.ts.
   */
  'code': (string);
  'message': (string);
  'isRetryable': (boolean);
  /**
   * When to try again; 0 when nothing is known.
   */
  'retryAfterMs': (number);
  /**
   * How full the pool is, where that is the reason.
   */
  'queue': (_pomona_v1_QueueOutlook__Output | null);
  /**
   * The field of the request that was wrong; empty when no single one was.
   */
  'field': (string);
}
