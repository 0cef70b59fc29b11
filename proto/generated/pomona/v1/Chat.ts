// Original file: pomona/v1/generation.proto

import type { ChatMessage as _pomona_v1_ChatMessage, ChatMessage__Output as _pomona_v1_ChatMessage__Output } from '../../pomona/v1/ChatMessage.ts';
import type { ToolDefinition as _pomona_v1_ToolDefinition, ToolDefinition__Output as _pomona_v1_ToolDefinition__Output } from '../../pomona/v1/ToolDefinition.ts';

export interface Chat {
  'messages'?: (_pomona_v1_ChatMessage)[];
  'tools'?: (_pomona_v1_ToolDefinition)[];
  /**
   * A JSON object of texts, numbers and booleans that the template may ask for, such as
   * {"enable_thinking": false}; empty for none.
   */
  'templateOptions'?: (string);
  /**
   * Others may reuse what the system's messages at the beginning leave in slots: they are no secret.
   */
  'isSystemShared'?: (boolean);
  /**
   * The answer goes on from the end of the last message, which is the assistant's, says something and calls no tool. It
   * holds only what is new.
   */
  'continuesLast'?: (boolean);
}

export interface Chat__Output {
  'messages': (_pomona_v1_ChatMessage__Output)[];
  'tools': (_pomona_v1_ToolDefinition__Output)[];
  /**
   * A JSON object of texts, numbers and booleans that the template may ask for, such as
   * {"enable_thinking": false}; empty for none.
   */
  'templateOptions': (string);
  /**
   * Others may reuse what the system's messages at the beginning leave in slots: they are no secret.
   */
  'isSystemShared': (boolean);
  /**
   * The answer goes on from the end of the last message, which is the assistant's, says something and calls no tool. It
   * holds only what is new.
   */
  'continuesLast': (boolean);
}
