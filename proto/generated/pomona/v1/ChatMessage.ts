// Original file: pomona/v1/generation.proto

import type { ToolCall as _pomona_v1_ToolCall, ToolCall__Output as _pomona_v1_ToolCall__Output } from '../../pomona/v1/ToolCall.ts';

/**
 * One message of a conversation.
 */
export interface ChatMessage {
  /**
   * system, user, assistant or tool.
   */
  'role'?: (string);
  'content'?: (string);
  /**
   * Thoughts of an assistant's message, for templates that want them back.
   */
  'reasoning'?: (string);
  /**
   * Tools that an assistant's message called.
   */
  'toolCalls'?: (_pomona_v1_ToolCall)[];
  /**
   * Which call a tool's message answers.
   */
  'toolCallId'?: (string);
  /**
   * Name of the speaker, or of the tool.
   */
  'name'?: (string);
}

/**
 * One message of a conversation.
 */
export interface ChatMessage__Output {
  /**
   * system, user, assistant or tool.
   */
  'role': (string);
  'content': (string);
  /**
   * Thoughts of an assistant's message, for templates that want them back.
   */
  'reasoning': (string);
  /**
   * Tools that an assistant's message called.
   */
  'toolCalls': (_pomona_v1_ToolCall__Output)[];
  /**
   * Which call a tool's message answers.
   */
  'toolCallId': (string);
  /**
   * Name of the speaker, or of the tool.
   */
  'name': (string);
}
