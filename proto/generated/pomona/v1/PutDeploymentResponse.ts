// Original file: pomona/v1/cluster.proto

import type { DeploymentRecord as _pomona_v1_DeploymentRecord, DeploymentRecord__Output as _pomona_v1_DeploymentRecord__Output } from '../../pomona/v1/DeploymentRecord.ts';

export interface PutDeploymentResponse {
  'record'?: (_pomona_v1_DeploymentRecord | null);
}

export interface PutDeploymentResponse__Output {
  'record': (_pomona_v1_DeploymentRecord__Output | null);
}
