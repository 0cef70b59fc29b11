// Original file: pomona/v1/cluster.proto

import type { Deployment as _pomona_v1_Deployment, Deployment__Output as _pomona_v1_Deployment__Output } from '../../pomona/v1/Deployment.ts';
import type { PinnedSource as _pomona_v1_PinnedSource, PinnedSource__Output as _pomona_v1_PinnedSource__Output } from '../../pomona/v1/PinnedSource.ts';
import type { Long } from '@grpc/proto-loader';

export interface DeploymentRecord {
  'deployment'?: (_pomona_v1_Deployment | null);
  /**
   * Changes with every edit.
   */
  'revision'?: (number | string | Long);
  'createdAtMs'?: (number | string | Long);
  /**
   * Unset until the source was looked up; for a path, until somebody has read the files there.
   */
  'pinned'?: (_pomona_v1_PinnedSource | null);
}

export interface DeploymentRecord__Output {
  'deployment': (_pomona_v1_Deployment__Output | null);
  /**
   * Changes with every edit.
   */
  'revision': (number);
  'createdAtMs': (number);
  /**
   * Unset until the source was looked up; for a path, until somebody has read the files there.
   */
  'pinned': (_pomona_v1_PinnedSource__Output | null);
}
