// Original file: pomona/v1/cluster.proto

import type { Long } from '@grpc/proto-loader';

export interface RemoveDeploymentRequest {
  'model'?: (string);
  'expectedRevision'?: (number | string | Long);
  '_expectedRevision'?: "expectedRevision";
}

export interface RemoveDeploymentRequest__Output {
  'model': (string);
  'expectedRevision'?: (number);
  '_expectedRevision'?: "expectedRevision";
}
