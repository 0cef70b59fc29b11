// Original file: pomona/v1/node.proto


export interface NodeTokenizeResponse {
  'tokenIds'?: (number)[];
  /**
   * Texts that end the answer in this model's chat template, beside its end-of-generation tokens.
   */
  'stop'?: (string)[];
  /**
   * The template has opened a block of thoughts that the answer goes on with.
   */
  'endsInReasoning'?: (boolean);
  /**
   * Tokens of the system's messages at the beginning, where the chat says that they may be shared.
   */
  'sharedTokens'?: (number);
}

export interface NodeTokenizeResponse__Output {
  'tokenIds': (number)[];
  /**
   * Texts that end the answer in this model's chat template, beside its end-of-generation tokens.
   */
  'stop': (string)[];
  /**
   * The template has opened a block of thoughts that the answer goes on with.
   */
  'endsInReasoning': (boolean);
  /**
   * Tokens of the system's messages at the beginning, where the chat says that they may be shared.
   */
  'sharedTokens': (number);
}
