// Original file: pomona/v1/cluster.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A decision or an observation, with its reason.
 */
export interface WatchEventsResponse {
  'atMs'?: (number | string | Long);
  /**
   * Such as loadFailed or memberChanged.
   */
  'kind'?: (string);
  'nodeId'?: (string);
  'model'?: (string);
  /**
   * In a sentence.
   */
  'text'?: (string);
  /**
   * Counts the events since the start of this coordinator.
   */
  'number'?: (number | string | Long);
}

/**
 * A decision or an observation, with its reason.
 */
export interface WatchEventsResponse__Output {
  'atMs': (number);
  /**
   * Such as loadFailed or memberChanged.
   */
  'kind': (string);
  'nodeId': (string);
  'model': (string);
  /**
   * In a sentence.
   */
  'text': (string);
  /**
   * Counts the events since the start of this coordinator.
   */
  'number': (number);
}
