// Original file: pomona/v1/cluster.proto

import type { EngineOptions as _pomona_v1_EngineOptions, EngineOptions__Output as _pomona_v1_EngineOptions__Output } from '../../pomona/v1/EngineOptions.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * What should run of one model.
 */
export interface Deployment {
  'model'?: (string);
  /**
   * builtin:tiny, a path on the nodes, https:, or hf:owner/repo[:quant].
   */
  'source'?: (string);
  /**
   * SHA-256 that its one file must have; empty for any.
   */
  'digest'?: (string);
  /**
   * 0 means 4.
   */
  'slots'?: (number);
  /**
   * Tokens of context per slot; 0 means the smaller of the trained context and 8,192.
   */
  'contextLength'?: (number);
  'engine'?: (_pomona_v1_EngineOptions | null);
  /**
   * Replicas that stay loaded whether anyone asks for them or not; unset means 1.
   */
  'minReplicas'?: (number);
  /**
   * 0 means one on every node where it fits.
   */
  'maxReplicas'?: (number);
  /**
   * Nodes that have a ready replica or a verified copy of the files; 0 means 2.
   */
  'availability'?: (number);
  /**
   * Never evicted.
   */
  'isPinned'?: (boolean);
  /**
   * Replicas above the least leave after this time without a request; 0 means 30 minutes.
   */
  'keepAliveMs'?: (number | string | Long);
  /**
   * Where not all fit, the higher ones stay; 0 by default.
   */
  'priority'?: (number);
  /**
   * A node must have all of these.
   */
  'labels'?: (string)[];
  '_minReplicas'?: "minReplicas";
}

/**
 * What should run of one model.
 */
export interface Deployment__Output {
  'model': (string);
  /**
   * builtin:tiny, a path on the nodes, https:, or hf:owner/repo[:quant].
   */
  'source': (string);
  /**
   * SHA-256 that its one file must have; empty for any.
   */
  'digest': (string);
  /**
   * 0 means 4.
   */
  'slots': (number);
  /**
   * Tokens of context per slot; 0 means the smaller of the trained context and 8,192.
   */
  'contextLength': (number);
  'engine': (_pomona_v1_EngineOptions__Output | null);
  /**
   * Replicas that stay loaded whether anyone asks for them or not; unset means 1.
   */
  'minReplicas'?: (number);
  /**
   * 0 means one on every node where it fits.
   */
  'maxReplicas': (number);
  /**
   * Nodes that have a ready replica or a verified copy of the files; 0 means 2.
   */
  'availability': (number);
  /**
   * Never evicted.
   */
  'isPinned': (boolean);
  /**
   * Replicas above the least leave after this time without a request; 0 means 30 minutes.
   */
  'keepAliveMs': (number);
  /**
   * Where not all fit, the higher ones stay; 0 by default.
   */
  'priority': (number);
  /**
   * A node must have all of these.
   */
  'labels': (string)[];
  '_minReplicas'?: "minReplicas";
}
