// Original file: pomona/v1/inference.proto


/**
 * What the answer has to be; unset is free text.
 */
export interface OutputWish {
  /**
   * A JSON schema as JSON text that the answer has to match; empty for none.
   */
  'jsonSchema'?: (string);
  /**
   * Any JSON object.
   */
  'jsonObject'?: (boolean);
  /**
   * auto (the default), none, required, or the name of the tool after "tool:", as in tool:search.
   */
  'toolChoice'?: (string);
  /**
   * The answer ends after its first call.
   */
  'singleCall'?: (boolean);
  /**
   * How much the model is to think: none, or the word of its template; empty leaves it to the model.
   */
  'effort'?: (string);
  /**
   * Most likely tokens that are told with each token, 0 to 20; unset tells no log-probabilities.
   */
  'topLogprobs'?: (number);
  /**
   * Those of the prompt's tokens are told too, before the first text; only with top_logprobs.
   */
  'promptLogprobs'?: (boolean);
  '_topLogprobs'?: "topLogprobs";
}

/**
 * What the answer has to be; unset is free text.
 */
export interface OutputWish__Output {
  /**
   * A JSON schema as JSON text that the answer has to match; empty for none.
   */
  'jsonSchema': (string);
  /**
   * Any JSON object.
   */
  'jsonObject': (boolean);
  /**
   * auto (the default), none, required, or the name of the tool after "tool:", as in tool:search.
   */
  'toolChoice': (string);
  /**
   * The answer ends after its first call.
   */
  'singleCall': (boolean);
  /**
   * How much the model is to think: none, or the word of its template; empty leaves it to the model.
   */
  'effort': (string);
  /**
   * Most likely tokens that are told with each token, 0 to 20; unset tells no log-probabilities.
   */
  'topLogprobs'?: (number);
  /**
   * Those of the prompt's tokens are told too, before the first text; only with top_logprobs.
   */
  'promptLogprobs': (boolean);
  '_topLogprobs'?: "topLogprobs";
}
