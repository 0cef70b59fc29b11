// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadModelFileRequest {
  'digest'?: (string);
  /**
   * A multiple of the chunk length, 16 MiB.
   */
  'offset'?: (number | string | Long);
  /**
   * 0 means to the end of the file.
   */
  'length'?: (number | string | Long);
  /**
   * Asks for held_bytes alone; answered as soon as more is held than up to the offset, or else after half a second.
   */
  'isProbe'?: (boolean);
  /**
   * What came from there before was not what its digest said: the node reads its file again.
   */
  'isDoubted'?: (boolean);
}

export interface ReadModelFileRequest__Output {
  'digest': (string);
  /**
   * A multiple of the chunk length, 16 MiB.
   */
  'offset': (number);
  /**
   * 0 means to the end of the file.
   */
  'length': (number);
  /**
   * Asks for held_bytes alone; answered as soon as more is held than up to the offset, or else after half a second.
   */
  'isProbe': (boolean);
  /**
   * What came from there before was not what its digest said: the node reads its file again.
   */
  'isDoubted': (boolean);
}
