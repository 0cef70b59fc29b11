// Original file: pomona/v1/node.proto

import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from '../../pomona/v1/Chat.ts';

export interface NodeTokenizeRequest {
  'replicaId'?: (string);
  'text'?: (string);
  'chat'?: (_pomona_v1_Chat | null);
  'input'?: "text"|"chat";
}

export interface NodeTokenizeRequest__Output {
  'replicaId': (string);
  'text'?: (string);
  'chat'?: (_pomona_v1_Chat__Output | null);
  'input'?: "text"|"chat";
}
