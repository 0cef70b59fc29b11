// Original file: pomona/v1/inference.proto

import type { LoadingOutlook as _pomona_v1_LoadingOutlook, LoadingOutlook__Output as _pomona_v1_LoadingOutlook__Output } from '../../pomona/v1/LoadingOutlook.ts';
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
  /**
   * Unset when it is ready or none is on its way.
   */
  'loading'?: (_pomona_v1_LoadingOutlook | null);
  /**
   * Whether any one node may die and the model still answers.
   */
  'survivesNodeLoss'?: (boolean);
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
  /**
   * Unset when it is ready or none is on its way.
   */
  'loading': (_pomona_v1_LoadingOutlook__Output | null);
  /**
   * Whether any one node may die and the model still answers.
   */
  'survivesNodeLoss': (boolean);
}
