// Original file: pomona/v1/cluster.proto

import type { NodeSettings as _pomona_v1_NodeSettings, NodeSettings__Output as _pomona_v1_NodeSettings__Output } from '../../pomona/v1/NodeSettings.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Settings as they are kept.
 */
export interface NodeSettingsRecord {
  'nodeId'?: (string);
  'settings'?: (_pomona_v1_NodeSettings | null);
  /**
   * Changes with every edit.
   */
  'revision'?: (number | string | Long);
}

/**
 * Settings as they are kept.
 */
export interface NodeSettingsRecord__Output {
  'nodeId': (string);
  'settings': (_pomona_v1_NodeSettings__Output | null);
  /**
   * Changes with every edit.
   */
  'revision': (number);
}
