// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadModelFileRequest {
  'digest'?: (string);
  /**
   * A multiple of the chunk length.
   */
  'offset'?: (number | string | Long);
  /**
   * 0 means to the end of the file.
   */
  'length'?: (number | string | Long);
}

export interface ReadModelFileRequest__Output {
  'digest': (string);
  /**
   * A multiple of the chunk length.
   */
  'offset': (number);
  /**
   * 0 means to the end of the file.
   */
  'length': (number);
}
