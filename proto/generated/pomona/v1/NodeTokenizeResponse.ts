// Original file: pomona/v1/node.proto


export interface NodeTokenizeResponse {
  'tokenIds'?: (number)[];
  /**
   * Texts that end the answer in this model's chat template, beside its end-of-generation tokens.
   */
  'stop'?: (string)[];
}

export interface NodeTokenizeResponse__Output {
  'tokenIds': (number)[];
  /**
   * Texts that end the answer in this model's chat template, beside its end-of-generation tokens.
   */
  'stop': (string)[];
}
