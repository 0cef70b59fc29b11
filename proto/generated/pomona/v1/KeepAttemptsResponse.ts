// Original file: pomona/v1/node.proto

import type { RunningAttempt as _pomona_v1_RunningAttempt, RunningAttempt__Output as _pomona_v1_RunningAttempt__Output } from '../../pomona/v1/RunningAttempt.ts';

export interface KeepAttemptsResponse {
  /**
   * Those of `live` that are here.
   */
  'kept'?: (_pomona_v1_RunningAttempt)[];
}

export interface KeepAttemptsResponse__Output {
  /**
   * Those of `live` that are here.
   */
  'kept': (_pomona_v1_RunningAttempt__Output)[];
}
