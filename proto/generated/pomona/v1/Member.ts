// Original file: pomona/v1/cluster.proto

import type { MemberState as _pomona_v1_MemberState, MemberState__Output as _pomona_v1_MemberState__Output } from '../../pomona/v1/MemberState.ts';
import type { NodeStatus as _pomona_v1_NodeStatus, NodeStatus__Output as _pomona_v1_NodeStatus__Output } from '../../pomona/v1/NodeStatus.ts';
import type { NodeSettings as _pomona_v1_NodeSettings, NodeSettings__Output as _pomona_v1_NodeSettings__Output } from '../../pomona/v1/NodeSettings.ts';
import type { Long } from '@grpc/proto-loader';

export interface Member {
  'nodeId'?: (string);
  'state'?: (_pomona_v1_MemberState);
  /**
   * The last status that the node sent.
   */
  'status'?: (_pomona_v1_NodeStatus | null);
  /**
   * Where the coordinator reaches it.
   */
  'grpcAddress'?: (string);
  'lastHeartbeatAgeMs'?: (number | string);
  'settings'?: (_pomona_v1_NodeSettings | null);
  /**
   * Of the settings; 0 when nobody has set any.
   */
  'settingsRevision'?: (number | string | Long);
}

export interface Member__Output {
  'nodeId': (string);
  'state': (_pomona_v1_MemberState__Output);
  /**
   * The last status that the node sent.
   */
  'status': (_pomona_v1_NodeStatus__Output | null);
  /**
   * Where the coordinator reaches it.
   */
  'grpcAddress': (string);
  'lastHeartbeatAgeMs': (number);
  'settings': (_pomona_v1_NodeSettings__Output | null);
  /**
   * Of the settings; 0 when nobody has set any.
   */
  'settingsRevision': (number);
}
