// Original file: pomona/v1/inference.proto

import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from '../../pomona/v1/Chat.ts';

export interface InferenceTokenizeRequest {
  'model'?: (string);
  'text'?: (string);
  'chat'?: (_pomona_v1_Chat | null);
  'input'?: "text"|"chat";
}

export interface InferenceTokenizeRequest__Output {
  'model': (string);
  'text'?: (string);
  'chat'?: (_pomona_v1_Chat__Output | null);
  'input'?: "text"|"chat";
}
