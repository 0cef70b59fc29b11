// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface ReplicaMemory {
  'weightsBytes'?: (number | string | Long);
  'kvBytes'?: (number | string | Long);
  'computeBytes'?: (number | string | Long);
  'processBytes'?: (number | string | Long);
}

export interface ReplicaMemory__Output {
  'weightsBytes': (number);
  'kvBytes': (number);
  'computeBytes': (number);
  'processBytes': (number);
}
