// Original file: pomona/v1/node.proto


/**
 * Laid over the weights of a model.
 */
export interface LoraAdapter {
  /**
   * A GGUF file on the node.
   */
  'path'?: (string);
  /**
   * 1 is as it was trained.
   */
  'scale'?: (number | string);
}

/**
 * Laid over the weights of a model.
 */
export interface LoraAdapter__Output {
  /**
   * A GGUF file on the node.
   */
  'path': (string);
  /**
   * 1 is as it was trained.
   */
  'scale': (number);
}
