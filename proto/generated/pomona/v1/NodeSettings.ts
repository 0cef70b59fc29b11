// Original file: pomona/v1/cluster.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What administrators want of a node.
 */
export interface NodeSettings {
  'labels'?: (string)[];
  /**
   * Nothing new is placed there; what is there goes on.
   */
  'isCordoned'?: (boolean);
  /**
   * Nothing is placed or sent there, and what is there leaves.
   */
  'isDraining'?: (boolean);
  /**
   * Memory that models leave free, beside what the node leaves free by itself.
   */
  'reservedBytes'?: (number | string | Long);
}

/**
 * What administrators want of a node.
 */
export interface NodeSettings__Output {
  'labels': (string)[];
  /**
   * Nothing new is placed there; what is there goes on.
   */
  'isCordoned': (boolean);
  /**
   * Nothing is placed or sent there, and what is there leaves.
   */
  'isDraining': (boolean);
  /**
   * Memory that models leave free, beside what the node leaves free by itself.
   */
  'reservedBytes': (number);
}
