// Original file: pomona/v1/generation.proto


/**
 * How far the evaluation of the prompt is. Sent after each prefill chunk.
 */
export interface PrefillProgress {
  /**
   * Prompt tokens that are in the slot's KV, reused ones included.
   */
  'evaluatedTokens'?: (number);
  'totalTokens'?: (number);
}

/**
 * How far the evaluation of the prompt is. Sent after each prefill chunk.
 */
export interface PrefillProgress__Output {
  /**
   * Prompt tokens that are in the slot's KV, reused ones included.
   */
  'evaluatedTokens': (number);
  'totalTokens': (number);
}
