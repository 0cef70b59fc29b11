// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One file of a model: most have one, split models several.
 */
export interface ModelFile {
  /**
   * As the source calls it, without folders.
   */
  'name'?: (string);
  'bytes'?: (number | string | Long);
  /**
   * SHA-256, 64 hex digits; empty while nobody has read it.
   */
  'digest'?: (string);
}

/**
 * One file of a model: most have one, split models several.
 */
export interface ModelFile__Output {
  /**
   * As the source calls it, without folders.
   */
  'name': (string);
  'bytes': (number);
  /**
   * SHA-256, 64 hex digits; empty while nobody has read it.
   */
  'digest': (string);
}
