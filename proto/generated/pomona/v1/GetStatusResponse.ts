// Original file: pomona/v1/cluster.proto

import type { Member as _pomona_v1_Member, Member__Output as _pomona_v1_Member__Output } from '../../pomona/v1/Member.ts';
import type { ModelSummary as _pomona_v1_ModelSummary, ModelSummary__Output as _pomona_v1_ModelSummary__Output } from '../../pomona/v1/ModelSummary.ts';
import type { CoordinatorRecord as _pomona_v1_CoordinatorRecord, CoordinatorRecord__Output as _pomona_v1_CoordinatorRecord__Output } from '../../pomona/v1/CoordinatorRecord.ts';

export interface GetStatusResponse {
  'cluster'?: (string);
  'version'?: (string);
  'isReady'?: (boolean);
  /**
   * Why it is not ready.
   */
  'reasons'?: (string)[];
  'nodes'?: (_pomona_v1_Member)[];
  'models'?: (_pomona_v1_ModelSummary)[];
  'queueLength'?: (number);
  'runningRequests'?: (number);
  'isNatsConnected'?: (boolean);
  /**
   * The active one first.
   */
  'coordinators'?: (_pomona_v1_CoordinatorRecord)[];
}

export interface GetStatusResponse__Output {
  'cluster': (string);
  'version': (string);
  'isReady': (boolean);
  /**
   * Why it is not ready.
   */
  'reasons': (string)[];
  'nodes': (_pomona_v1_Member__Output)[];
  'models': (_pomona_v1_ModelSummary__Output)[];
  'queueLength': (number);
  'runningRequests': (number);
  'isNatsConnected': (boolean);
  /**
   * The active one first.
   */
  'coordinators': (_pomona_v1_CoordinatorRecord__Output)[];
}
