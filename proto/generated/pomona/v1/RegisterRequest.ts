// Original file: pomona/v1/cluster.proto

import type { NodeStatus as _pomona_v1_NodeStatus, NodeStatus__Output as _pomona_v1_NodeStatus__Output } from '../../pomona/v1/NodeStatus.ts';

export interface RegisterRequest {
  'status'?: (_pomona_v1_NodeStatus | null);
}

export interface RegisterRequest__Output {
  'status': (_pomona_v1_NodeStatus__Output | null);
}
