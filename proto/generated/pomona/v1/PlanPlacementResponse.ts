// Original file: pomona/v1/cluster.proto

import type { PlannedNode as _pomona_v1_PlannedNode, PlannedNode__Output as _pomona_v1_PlannedNode__Output } from '../../pomona/v1/PlannedNode.ts';
import type { PlannedModel as _pomona_v1_PlannedModel, PlannedModel__Output as _pomona_v1_PlannedModel__Output } from '../../pomona/v1/PlannedModel.ts';

export interface PlanPlacementResponse {
  'nodes'?: (_pomona_v1_PlannedNode)[];
  'models'?: (_pomona_v1_PlannedModel)[];
}

export interface PlanPlacementResponse__Output {
  'nodes': (_pomona_v1_PlannedNode__Output)[];
  'models': (_pomona_v1_PlannedModel__Output)[];
}
