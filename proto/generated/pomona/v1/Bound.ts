// Original file: pomona/v1/inference.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Sent when the request is bound to a node; again after a resume.
 */
export interface Bound {
  'requestId'?: (string);
  'nodeId'?: (string);
  'epoch'?: (number);
  'queueMs'?: (number | string);
  'seed'?: (number | string | Long);
}

/**
 * Sent when the request is bound to a node; again after a resume.
 */
export interface Bound__Output {
  'requestId': (string);
  'nodeId': (string);
  'epoch': (number);
  'queueMs': (number);
  'seed': (number);
}
