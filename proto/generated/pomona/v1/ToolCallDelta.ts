// Original file: pomona/v1/inference.proto


/**
 * The next piece of a call of a tool.
 */
export interface ToolCallDelta {
  /**
   * Calls are counted from 0.
   */
  'index'?: (number);
  /**
   * Set in the first piece of a call.
   */
  'id'?: (string);
  'name'?: (string);
  /**
   * The next piece of the JSON text of the arguments.
   */
  'arguments'?: (string);
  /**
   * The last piece of the call.
   */
  'isLast'?: (boolean);
  /**
   * With the last piece: whether the call is whole.
   */
  'isComplete'?: (boolean);
  'lastIndex'?: (number);
}

/**
 * The next piece of a call of a tool.
 */
export interface ToolCallDelta__Output {
  /**
   * Calls are counted from 0.
   */
  'index': (number);
  /**
   * Set in the first piece of a call.
   */
  'id': (string);
  'name': (string);
  /**
   * The next piece of the JSON text of the arguments.
   */
  'arguments': (string);
  /**
   * The last piece of the call.
   */
  'isLast': (boolean);
  /**
   * With the last piece: whether the call is whole.
   */
  'isComplete': (boolean);
  'lastIndex': (number);
}
