// Original file: pomona/v1/cluster.proto

import type { Deployment as _pomona_v1_Deployment, Deployment__Output as _pomona_v1_Deployment__Output } from '../../pomona/v1/Deployment.ts';
import type { Long } from '@grpc/proto-loader';

export interface PutDeploymentRequest {
  'deployment'?: (_pomona_v1_Deployment | null);
  /**
   * The revision that this edit is made from, 0 for a deployment that must not be there yet; unset for whichever.
   */
  'expectedRevision'?: (number | string | Long);
  '_expectedRevision'?: "expectedRevision";
}

export interface PutDeploymentRequest__Output {
  'deployment': (_pomona_v1_Deployment__Output | null);
  /**
   * The revision that this edit is made from, 0 for a deployment that must not be there yet; unset for whichever.
   */
  'expectedRevision'?: (number);
  '_expectedRevision'?: "expectedRevision";
}
