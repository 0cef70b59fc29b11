// Original file: pomona/v1/inference.proto

import type { Long } from '@grpc/proto-loader';

export interface ModelSummary {
  'name'?: (string);
  /**
   * ready, loading, failed or unplaced.
   */
  'state'?: (string);
  /**
   * Why it is not ready; empty when it is.
   */
  'reason'?: (string);
  'contextLength'?: (number);
  'readyReplicas'?: (number);
  'createdAtMs'?: (number | string | Long);
}

export interface ModelSummary__Output {
  'name': (string);
  /**
   * ready, loading, failed or unplaced.
   */
  'state': (string);
  /**
   * Why it is not ready; empty when it is.
   */
  'reason': (string);
  'contextLength': (number);
  'readyReplicas': (number);
  'createdAtMs': (number);
}
