// Original file: pomona/v1/generation.proto


export interface Usage {
  'promptTokens'?: (number);
  /**
   * Prompt tokens that were already in the slot's KV and not evaluated again.
   */
  'cachedPromptTokens'?: (number);
  'generatedTokens'?: (number);
}

export interface Usage__Output {
  'promptTokens': (number);
  /**
   * Prompt tokens that were already in the slot's KV and not evaluated again.
   */
  'cachedPromptTokens': (number);
  'generatedTokens': (number);
}
