// Original file: pomona/v1/generation.proto


/**
 * One message of a conversation.
 */
export interface ChatMessage {
  /**
   * system, user, assistant or tool.
   */
  'role'?: (string);
  'content'?: (string);
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
}
