// Original file: pomona/v1/node.proto

import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from '../../pomona/v1/Chat.ts';
import type { Infill as _pomona_v1_Infill, Infill__Output as _pomona_v1_Infill__Output } from '../../pomona/v1/Infill.ts';

export interface NodeTokenizeRequest {
  'replicaId'?: (string);
  'text'?: (string);
  'chat'?: (_pomona_v1_Chat | null);
  /**
   * INVALID_ARGUMENT when the model was not made to fill gaps.
   */
  'infill'?: (_pomona_v1_Infill | null);
  'input'?: "text"|"chat"|"infill";
}

export interface NodeTokenizeRequest__Output {
  'replicaId': (string);
  'text'?: (string);
  'chat'?: (_pomona_v1_Chat__Output | null);
  /**
   * INVALID_ARGUMENT when the model was not made to fill gaps.
   */
  'infill'?: (_pomona_v1_Infill__Output | null);
  'input'?: "text"|"chat"|"infill";
}
