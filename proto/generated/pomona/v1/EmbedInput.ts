// Original file: pomona/v1/node.proto


export interface EmbedInput {
  'tokenIds'?: (number)[];
  /**
   * Tokenized where it is evaluated; only without token_ids.
   */
  'text'?: (string);
}

export interface EmbedInput__Output {
  'tokenIds': (number)[];
  /**
   * Tokenized where it is evaluated; only without token_ids.
   */
  'text': (string);
}
