// Original file: pomona/v1/cluster.proto

import type { Remedy as _pomona_v1_Remedy, Remedy__Output as _pomona_v1_Remedy__Output } from '../../pomona/v1/Remedy.ts';

export interface PlannedModel {
  'model'?: (string);
  /**
   * Nodes with a verified copy of its files and no replica, after the plan.
   */
  'standbyNodeIds'?: (string)[];
  'survivesNodeLoss'?: (boolean);
  /**
   * What of the deployment cannot be had, and why; empty when all can.
   */
  'unmet'?: (string)[];
  /**
   * The cheapest first, three at most.
   */
  'remedies'?: (_pomona_v1_Remedy)[];
  /**
   * Why this variant of the source; empty where there was no choice.
   */
  'chosenFor'?: (string);
}

export interface PlannedModel__Output {
  'model': (string);
  /**
   * Nodes with a verified copy of its files and no replica, after the plan.
   */
  'standbyNodeIds': (string)[];
  'survivesNodeLoss': (boolean);
  /**
   * What of the deployment cannot be had, and why; empty when all can.
   */
  'unmet': (string)[];
  /**
   * The cheapest first, three at most.
   */
  'remedies': (_pomona_v1_Remedy__Output)[];
  /**
   * Why this variant of the source; empty where there was no choice.
   */
  'chosenFor': (string);
}
