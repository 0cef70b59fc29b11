// Original file: pomona/v1/node.proto

import type { ErrorDetail as _pomona_v1_ErrorDetail, ErrorDetail__Output as _pomona_v1_ErrorDetail__Output } from '../../pomona/v1/ErrorDetail.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A model file as a node has it.
 */
export interface StoredFile {
  /**
   * SHA-256, 64 hex digits.
   */
  'digest'?: (string);
  'bytes'?: (number | string | Long);
  /**
   * Less than bytes while it is being pulled.
   */
  'heldBytes'?: (number | string | Long);
  /**
   * pulling, verifying, verified or failed.
   */
  'state'?: (string);
  /**
   * Why it failed.
   */
  'error'?: (_pomona_v1_ErrorDetail | null);
}

/**
 * A model file as a node has it.
 */
export interface StoredFile__Output {
  /**
   * SHA-256, 64 hex digits.
   */
  'digest': (string);
  'bytes': (number);
  /**
   * Less than bytes while it is being pulled.
   */
  'heldBytes': (number);
  /**
   * pulling, verifying, verified or failed.
   */
  'state': (string);
  /**
   * Why it failed.
   */
  'error': (_pomona_v1_ErrorDetail__Output | null);
}
