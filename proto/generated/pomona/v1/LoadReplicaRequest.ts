// Original file: pomona/v1/node.proto

import type { ReplicaSpec as _pomona_v1_ReplicaSpec, ReplicaSpec__Output as _pomona_v1_ReplicaSpec__Output } from '../../pomona/v1/ReplicaSpec.ts';

export interface LoadReplicaRequest {
  'replicaId'?: (string);
  'spec'?: (_pomona_v1_ReplicaSpec | null);
}

export interface LoadReplicaRequest__Output {
  'replicaId': (string);
  'spec': (_pomona_v1_ReplicaSpec__Output | null);
}
