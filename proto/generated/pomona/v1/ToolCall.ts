// Original file: pomona/v1/generation.proto


export interface ToolCall {
  'id'?: (string);
  'name'?: (string);
  /**
   * A JSON text as the model wrote it.
   */
  'arguments'?: (string);
}

export interface ToolCall__Output {
  'id': (string);
  'name': (string);
  /**
   * A JSON text as the model wrote it.
   */
  'arguments': (string);
}
