// Original file: pomona/v1/cluster.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A coordinator. The lease in NATS is the record of the active one; each tells the others of itself every second.
 */
export interface CoordinatorRecord {
  /**
   * Empty in a lease that was given back.
   */
  'coordinatorId'?: (string);
  /**
   * host:port as others reach it.
   */
  'httpAddress'?: (string);
  'grpcAddress'?: (string);
  /**
   * Grows by one with each takeover. Of a standby, the highest that it knows.
   */
  'term'?: (number | string | Long);
  'isActive'?: (boolean);
  /**
   * gRPC addresses of the nodes that are alive, from the active one: whoever takes over asks them at once.
   */
  'nodeAddresses'?: (string)[];
  /**
   * Told when it stops.
   */
  'isLeaving'?: (boolean);
}

/**
 * A coordinator. The lease in NATS is the record of the active one; each tells the others of itself every second.
 */
export interface CoordinatorRecord__Output {
  /**
   * Empty in a lease that was given back.
   */
  'coordinatorId': (string);
  /**
   * host:port as others reach it.
   */
  'httpAddress': (string);
  'grpcAddress': (string);
  /**
   * Grows by one with each takeover. Of a standby, the highest that it knows.
   */
  'term': (number);
  'isActive': (boolean);
  /**
   * gRPC addresses of the nodes that are alive, from the active one: whoever takes over asks them at once.
   */
  'nodeAddresses': (string)[];
  /**
   * Told when it stops.
   */
  'isLeaving': (boolean);
}
