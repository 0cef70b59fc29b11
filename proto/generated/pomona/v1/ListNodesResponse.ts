// Original file: pomona/v1/cluster.proto

import type { Member as _pomona_v1_Member, Member__Output as _pomona_v1_Member__Output } from '../../pomona/v1/Member.ts';

export interface ListNodesResponse {
  'nodes'?: (_pomona_v1_Member)[];
}

export interface ListNodesResponse__Output {
  'nodes': (_pomona_v1_Member__Output)[];
}
