// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface HoldStateResponse {
  'bytes'?: (number | string | Long);
  'transferMs'?: (number | string);
}

export interface HoldStateResponse__Output {
  'bytes': (number);
  'transferMs': (number);
}
