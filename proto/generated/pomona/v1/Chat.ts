// Original file: pomona/v1/generation.proto

import type { ChatMessage as _pomona_v1_ChatMessage, ChatMessage__Output as _pomona_v1_ChatMessage__Output } from '../../pomona/v1/ChatMessage.ts';

export interface Chat {
  'messages'?: (_pomona_v1_ChatMessage)[];
}

export interface Chat__Output {
  'messages': (_pomona_v1_ChatMessage__Output)[];
}
