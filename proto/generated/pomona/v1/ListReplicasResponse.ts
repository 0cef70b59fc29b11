// Original file: pomona/v1/node.proto

import type { ReplicaStatus as _pomona_v1_ReplicaStatus, ReplicaStatus__Output as _pomona_v1_ReplicaStatus__Output } from '../../pomona/v1/ReplicaStatus.ts';

export interface ListReplicasResponse {
  'replicas'?: (_pomona_v1_ReplicaStatus)[];
}

export interface ListReplicasResponse__Output {
  'replicas': (_pomona_v1_ReplicaStatus__Output)[];
}
