// Original file: pomona/v1/cluster.proto

import type { Deployment as _pomona_v1_Deployment, Deployment__Output as _pomona_v1_Deployment__Output } from '../../pomona/v1/Deployment.ts';

export interface PlanPlacementRequest {
  /**
   * As if these had been put.
   */
  'deployments'?: (_pomona_v1_Deployment)[];
  /**
   * As if these had been removed.
   */
  'removedModels'?: (string)[];
  /**
   * As if these had died.
   */
  'lostNodes'?: (string)[];
}

export interface PlanPlacementRequest__Output {
  /**
   * As if these had been put.
   */
  'deployments': (_pomona_v1_Deployment__Output)[];
  /**
   * As if these had been removed.
   */
  'removedModels': (string)[];
  /**
   * As if these had died.
   */
  'lostNodes': (string)[];
}
