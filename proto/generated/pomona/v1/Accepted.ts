// Original file: pomona/v1/node.proto


/**
 * The attempt has a slot.
 */
export interface Accepted {
  'slot'?: (number);
  /**
   * Prompt tokens that the slot's KV already held.
   */
  'cachedPromptTokens'?: (number);
  'promptTokens'?: (number);
  /**
   * Lengths of the batches in which the cached tokens were once evaluated.
   */
  'cachedChunkLengths'?: (number)[];
  /**
   * What became of a state that another node had saved of this prompt: restored, or failed, so that the prompt is
   * evaluated; empty where there was none.
   */
  'checkpoint'?: (string);
}

/**
 * The attempt has a slot.
 */
export interface Accepted__Output {
  'slot': (number);
  /**
   * Prompt tokens that the slot's KV already held.
   */
  'cachedPromptTokens': (number);
  'promptTokens': (number);
  /**
   * Lengths of the batches in which the cached tokens were once evaluated.
   */
  'cachedChunkLengths': (number)[];
  /**
   * What became of a state that another node had saved of this prompt: restored, or failed, so that the prompt is
   * evaluated; empty where there was none.
   */
  'checkpoint': (string);
}
