// Original file: pomona/v1/cluster.proto

import type { NodeSettings as _pomona_v1_NodeSettings, NodeSettings__Output as _pomona_v1_NodeSettings__Output } from '../../pomona/v1/NodeSettings.ts';
import type { Long } from '@grpc/proto-loader';

export interface PutNodeSettingsResponse {
  'settings'?: (_pomona_v1_NodeSettings | null);
  'revision'?: (number | string | Long);
}

export interface PutNodeSettingsResponse__Output {
  'settings': (_pomona_v1_NodeSettings__Output | null);
  'revision': (number);
}
