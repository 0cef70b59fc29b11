// Original file: pomona/v1/cluster.proto

import type { NodeSettingsRecord as _pomona_v1_NodeSettingsRecord, NodeSettingsRecord__Output as _pomona_v1_NodeSettingsRecord__Output } from '../../pomona/v1/NodeSettingsRecord.ts';

export interface PutNodeSettingsResponse {
  'record'?: (_pomona_v1_NodeSettingsRecord | null);
}

export interface PutNodeSettingsResponse__Output {
  'record': (_pomona_v1_NodeSettingsRecord__Output | null);
}
