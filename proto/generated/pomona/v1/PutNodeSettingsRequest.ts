// Original file: pomona/v1/cluster.proto

import type { NodeSettings as _pomona_v1_NodeSettings, NodeSettings__Output as _pomona_v1_NodeSettings__Output } from '../../pomona/v1/NodeSettings.ts';
import type { Long } from '@grpc/proto-loader';

export interface PutNodeSettingsRequest {
  'nodeId'?: (string);
  'settings'?: (_pomona_v1_NodeSettings | null);
  /**
   * As of a deployment.
   */
  'expectedRevision'?: (number | string | Long);
  '_expectedRevision'?: "expectedRevision";
}

export interface PutNodeSettingsRequest__Output {
  'nodeId': (string);
  'settings': (_pomona_v1_NodeSettings__Output | null);
  /**
   * As of a deployment.
   */
  'expectedRevision'?: (number);
  '_expectedRevision'?: "expectedRevision";
}
