// Original file: pomona/v1/cluster.proto

import type { PlannedReplica as _pomona_v1_PlannedReplica, PlannedReplica__Output as _pomona_v1_PlannedReplica__Output } from '../../pomona/v1/PlannedReplica.ts';
import type { Long } from '@grpc/proto-loader';

export interface PlannedNode {
  'nodeId'?: (string);
  'hostname'?: (string);
  'chip'?: (string);
  /**
   * Whether it takes models at all; the reason where it does not.
   */
  'excludedFor'?: (string);
  'budgetBytes'?: (number | string | Long);
  /**
   * Of the budget, after the plan.
   */
  'freeBytes'?: (number | string | Long);
  'replicas'?: (_pomona_v1_PlannedReplica)[];
  /**
   * Models that no other node could answer for if this one died.
   */
  'lostModels'?: (string)[];
}

export interface PlannedNode__Output {
  'nodeId': (string);
  'hostname': (string);
  'chip': (string);
  /**
   * Whether it takes models at all; the reason where it does not.
   */
  'excludedFor': (string);
  'budgetBytes': (number);
  /**
   * Of the budget, after the plan.
   */
  'freeBytes': (number);
  'replicas': (_pomona_v1_PlannedReplica__Output)[];
  /**
   * Models that no other node could answer for if this one died.
   */
  'lostModels': (string)[];
}
