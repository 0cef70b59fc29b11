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
  /**
   * After a resume: no engine is left that is equal to the one before, and the tokens may differ from what it would
   * have said.
   */
  'isInexact'?: (boolean);
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
  /**
   * After a resume: no engine is left that is equal to the one before, and the tokens may differ from what it would
   * have said.
   */
  'isInexact': (boolean);
}
