// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadModelFileResponse {
  'offset'?: (number | string | Long);
  'data'?: (Buffer | Uint8Array | string);
  /**
   * SHA-256 of the file from its beginning to the end of the chunk; with the chunk's last piece.
   */
  'digestSoFar'?: (Buffer | Uint8Array | string);
  /**
   * What this node can send of the file, from its beginning; set in the first message.
   */
  'heldBytes'?: (number | string | Long);
  /**
   * It sends to another node just now: ask again in a moment, or that node.
   */
  'isBusy'?: (boolean);
}

export interface ReadModelFileResponse__Output {
  'offset': (number);
  'data': (Buffer);
  /**
   * SHA-256 of the file from its beginning to the end of the chunk; with the chunk's last piece.
   */
  'digestSoFar': (Buffer);
  /**
   * What this node can send of the file, from its beginning; set in the first message.
   */
  'heldBytes': (number);
  /**
   * It sends to another node just now: ask again in a moment, or that node.
   */
  'isBusy': (boolean);
}
