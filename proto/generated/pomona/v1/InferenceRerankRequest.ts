// Original file: pomona/v1/inference.proto


export interface InferenceRerankRequest {
  'model'?: (string);
  'query'?: (string);
  /**
   * 2,048 at most.
   */
  'documents'?: (string)[];
  /**
   * How many are wanted; 0 for all.
   */
  'topN'?: (number);
  /**
   * 0 means: no deadline of its own. Counts from the arrival.
   */
  'timeoutMs'?: (number);
  /**
   * interactive (the default) or batch.
   */
  'priority'?: (string);
}

export interface InferenceRerankRequest__Output {
  'model': (string);
  'query': (string);
  /**
   * 2,048 at most.
   */
  'documents': (string)[];
  /**
   * How many are wanted; 0 for all.
   */
  'topN': (number);
  /**
   * 0 means: no deadline of its own. Counts from the arrival.
   */
  'timeoutMs': (number);
  /**
   * interactive (the default) or batch.
   */
  'priority': (string);
}
