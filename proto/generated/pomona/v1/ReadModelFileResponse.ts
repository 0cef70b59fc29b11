// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadModelFileResponse {
  'offset'?: (number | string | Long);
  'data'?: (Buffer | Uint8Array | string);
  /**
   * SHA-256 of the whole chunk, with its last piece.
   */
  'chunkDigest'?: (Buffer | Uint8Array | string);
}

export interface ReadModelFileResponse__Output {
  'offset': (number);
  'data': (Buffer);
  /**
   * SHA-256 of the whole chunk, with its last piece.
   */
  'chunkDigest': (Buffer);
}
