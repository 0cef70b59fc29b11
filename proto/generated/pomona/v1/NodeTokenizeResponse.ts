// Original file: pomona/v1/node.proto


export interface NodeTokenizeResponse {
  /**
   * All of them, or the beginning of a prompt that no slot takes.
   */
  'tokenIds'?: (number)[];
  /**
   * Texts that end the answer in this model's chat template, beside its end-of-generation tokens.
   */
  'stop'?: (string)[];
  /**
   * The template has opened a block of thoughts that the answer goes on with.
   */
  'startsInReasoning'?: (boolean);
  /**
   * Tokens of the system's messages at the beginning, where the chat says that they may be shared.
   */
  'sharedTokens'?: (number);
  /**
   * How the model writes calls of tools: none, hermes, llama3, mistral, deepseek, harmony,
   * kimi, gemma, qwenCoder, glm, minimax, seed or json.
   */
  'callFormat'?: (string);
  /**
   * The tags of the block of thoughts that the answer may begin with: none, think, mistral, seed, cohere or gemma.
   */
  'thoughts'?: (string);
  /**
   * never, always, switched or graded: what a request may say about the model's thoughts.
   */
  'thinking'?: (string);
  /**
   * Tokens of such a prompt that are counted and not listed.
   */
  'tokensLeftOut'?: (number);
  /**
   * End the answer, beside the model's end-of-generation tokens.
   */
  'stopTokenIds'?: (number)[];
  /**
   * The prompt ends in the text of a message that the answer goes on with.
   */
  'startsInText'?: (boolean);
}

export interface NodeTokenizeResponse__Output {
  /**
   * All of them, or the beginning of a prompt that no slot takes.
   */
  'tokenIds': (number)[];
  /**
   * Texts that end the answer in this model's chat template, beside its end-of-generation tokens.
   */
  'stop': (string)[];
  /**
   * The template has opened a block of thoughts that the answer goes on with.
   */
  'startsInReasoning': (boolean);
  /**
   * Tokens of the system's messages at the beginning, where the chat says that they may be shared.
   */
  'sharedTokens': (number);
  /**
   * How the model writes calls of tools: none, hermes, llama3, mistral, deepseek, harmony,
   * kimi, gemma, qwenCoder, glm, minimax, seed or json.
   */
  'callFormat': (string);
  /**
   * The tags of the block of thoughts that the answer may begin with: none, think, mistral, seed, cohere or gemma.
   */
  'thoughts': (string);
  /**
   * never, always, switched or graded: what a request may say about the model's thoughts.
   */
  'thinking': (string);
  /**
   * Tokens of such a prompt that are counted and not listed.
   */
  'tokensLeftOut': (number);
  /**
   * End the answer, beside the model's end-of-generation tokens.
   */
  'stopTokenIds': (number)[];
  /**
   * The prompt ends in the text of a message that the answer goes on with.
   */
  'startsInText': (boolean);
}
