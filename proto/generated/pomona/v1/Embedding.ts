// Original file: pomona/v1/node.proto


export interface Embedding {
  'values'?: (number | string)[];
  /**
   * Of the input.
   */
  'tokens'?: (number);
}

export interface Embedding__Output {
  'values': (number)[];
  /**
   * Of the input.
   */
  'tokens': (number);
}
