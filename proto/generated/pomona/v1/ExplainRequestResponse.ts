// Original file: pomona/v1/cluster.proto

import type { AttemptHistory as _pomona_v1_AttemptHistory, AttemptHistory__Output as _pomona_v1_AttemptHistory__Output } from '../../pomona/v1/AttemptHistory.ts';
import type { Ending as _pomona_v1_Ending, Ending__Output as _pomona_v1_Ending__Output } from '../../pomona/v1/Ending.ts';

export interface ExplainRequestResponse {
  'requestId'?: (string);
  'model'?: (string);
  'api'?: (string);
  /**
   * interactive or batch.
   */
  'priority'?: (string);
  'promptTokens'?: (number);
  /**
   * Since its arrival; until its end when it has one.
   */
  'ageMs'?: (number | string);
  'attempts'?: (_pomona_v1_AttemptHistory)[];
  /**
   * Unset while it waits or runs.
   */
  'ending'?: (_pomona_v1_Ending | null);
}

export interface ExplainRequestResponse__Output {
  'requestId': (string);
  'model': (string);
  'api': (string);
  /**
   * interactive or batch.
   */
  'priority': (string);
  'promptTokens': (number);
  /**
   * Since its arrival; until its end when it has one.
   */
  'ageMs': (number);
  'attempts': (_pomona_v1_AttemptHistory__Output)[];
  /**
   * Unset while it waits or runs.
   */
  'ending': (_pomona_v1_Ending__Output | null);
}
