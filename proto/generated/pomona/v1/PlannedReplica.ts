// Original file: pomona/v1/cluster.proto

import type { ReplicaMemory as _pomona_v1_ReplicaMemory, ReplicaMemory__Output as _pomona_v1_ReplicaMemory__Output } from '../../pomona/v1/ReplicaMemory.ts';

export interface PlannedReplica {
  'model'?: (string);
  /**
   * keep, load, or unload.
   */
  'action'?: (string);
  /**
   * Why, in a sentence.
   */
  'reason'?: (string);
  'memory'?: (_pomona_v1_ReplicaMemory | null);
  'prefillTokensPerSecond'?: (number | string);
  'decodeTokensPerSecond'?: (number | string);
  /**
   * Whether the speeds were measured there, or are what the chip promises.
   */
  'isMeasured'?: (boolean);
  /**
   * Until it answers, the transfer of its files included; 0 for one that is there.
   */
  'readyInMs'?: (number | string);
}

export interface PlannedReplica__Output {
  'model': (string);
  /**
   * keep, load, or unload.
   */
  'action': (string);
  /**
   * Why, in a sentence.
   */
  'reason': (string);
  'memory': (_pomona_v1_ReplicaMemory__Output | null);
  'prefillTokensPerSecond': (number);
  'decodeTokensPerSecond': (number);
  /**
   * Whether the speeds were measured there, or are what the chip promises.
   */
  'isMeasured': (boolean);
  /**
   * Until it answers, the transfer of its files included; 0 for one that is there.
   */
  'readyInMs': (number);
}
