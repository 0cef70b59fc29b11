// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface ReplicaMemory {
  'weightsBytes'?: (number | string | Long);
  'kvBytes'?: (number | string | Long);
  'computeBytes'?: (number | string | Long);
  'processBytes'?: (number | string | Long);
  /**
   * Of the weights, pages of the model's file; replicas of one node with the same mapped_file have them once.
   */
  'mappedBytes'?: (number | string | Long);
  /**
   * Names the file among all of the node; empty where nothing is mapped.
   */
  'mappedFile'?: (string);
}

export interface ReplicaMemory__Output {
  'weightsBytes': (number);
  'kvBytes': (number);
  'computeBytes': (number);
  'processBytes': (number);
  /**
   * Of the weights, pages of the model's file; replicas of one node with the same mapped_file have them once.
   */
  'mappedBytes': (number);
  /**
   * Names the file among all of the node; empty where nothing is mapped.
   */
  'mappedFile': (string);
}
