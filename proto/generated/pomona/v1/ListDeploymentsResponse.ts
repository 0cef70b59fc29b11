// Original file: pomona/v1/cluster.proto

import type { DeploymentRecord as _pomona_v1_DeploymentRecord, DeploymentRecord__Output as _pomona_v1_DeploymentRecord__Output } from '../../pomona/v1/DeploymentRecord.ts';

export interface ListDeploymentsResponse {
  'deployments'?: (_pomona_v1_DeploymentRecord)[];
}

export interface ListDeploymentsResponse__Output {
  'deployments': (_pomona_v1_DeploymentRecord__Output)[];
}
