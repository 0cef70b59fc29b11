// Original file: pomona/v1/node.proto

import type { RunningAttempt as _pomona_v1_RunningAttempt, RunningAttempt__Output as _pomona_v1_RunningAttempt__Output } from '../../pomona/v1/RunningAttempt.ts';
import type { Long } from '@grpc/proto-loader';

export interface KeepAttemptsRequest {
  'live'?: (_pomona_v1_RunningAttempt)[];
  /**
   * Of the coordinator's lease: grows whenever another coordinator becomes the active one.
   */
  'term'?: (number | string | Long);
}

export interface KeepAttemptsRequest__Output {
  'live': (_pomona_v1_RunningAttempt__Output)[];
  /**
   * Of the coordinator's lease: grows whenever another coordinator becomes the active one.
   */
  'term': (number);
}
