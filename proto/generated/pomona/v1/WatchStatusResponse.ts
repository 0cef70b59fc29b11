// Original file: pomona/v1/node.proto

import type { NodeStatus as _pomona_v1_NodeStatus, NodeStatus__Output as _pomona_v1_NodeStatus__Output } from '../../pomona/v1/NodeStatus.ts';

export interface WatchStatusResponse {
  'status'?: (_pomona_v1_NodeStatus | null);
}

export interface WatchStatusResponse__Output {
  'status': (_pomona_v1_NodeStatus__Output | null);
}
