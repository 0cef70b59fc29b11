// Original file: pomona/v1/node.proto

import type { RunningAttempt as _pomona_v1_RunningAttempt, RunningAttempt__Output as _pomona_v1_RunningAttempt__Output } from '../../pomona/v1/RunningAttempt.ts';

export interface KeepAttemptsRequest {
  'live'?: (_pomona_v1_RunningAttempt)[];
}

export interface KeepAttemptsRequest__Output {
  'live': (_pomona_v1_RunningAttempt__Output)[];
}
