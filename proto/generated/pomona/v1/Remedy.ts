// Original file: pomona/v1/cluster.proto


/**
 * One way to make a model fit.
 */
export interface Remedy {
  /**
   * smaller_context, fewer_slots, smaller_quant, or unload.
   */
  'kind'?: (string);
  /**
   * What to do, in a sentence.
   */
  'text'?: (string);
  'nodeId'?: (string);
}

/**
 * One way to make a model fit.
 */
export interface Remedy__Output {
  /**
   * smaller_context, fewer_slots, smaller_quant, or unload.
   */
  'kind': (string);
  /**
   * What to do, in a sentence.
   */
  'text': (string);
  'nodeId': (string);
}
