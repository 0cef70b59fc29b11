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
  /**
   * How far the first replica is, its files included; unset when it is ready or none is on its way.
   */
  'loadingPercent'?: (number | string);
  'readyInMs'?: (number | string);
  /**
   * Whether any one node may die and the model still answers.
   */
  'survivesNodeLoss'?: (boolean);
  '_loadingPercent'?: "loadingPercent";
  '_readyInMs'?: "readyInMs";
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
   * How far the first replica is, its files included; unset when it is ready or none is on its way.
   */
  'loadingPercent'?: (number);
  'readyInMs'?: (number);
  /**
   * Whether any one node may die and the model still answers.
   */
  'survivesNodeLoss': (boolean);
  '_loadingPercent'?: "loadingPercent";
  '_readyInMs'?: "readyInMs";
}
