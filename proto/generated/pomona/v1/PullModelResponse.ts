// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface PullModelResponse {
  'heldBytes'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
  'bytesPerSecond'?: (number | string);
  /**
   * pulling, verifying or done.
   */
  'phase'?: (string);
}

export interface PullModelResponse__Output {
  'heldBytes': (number);
  'totalBytes': (number);
  'bytesPerSecond': (number);
  /**
   * pulling, verifying or done.
   */
  'phase': (string);
}
