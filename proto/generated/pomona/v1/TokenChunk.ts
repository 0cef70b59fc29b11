// Original file: pomona/v1/generation.proto


/**
 * Consecutive generated tokens. `ids` and `texts` have the same length.
 */
export interface TokenChunk {
  /**
   * Index of the first token: 0 is the first generated token of the request, whatever the epoch.
   */
  'firstIndex'?: (number);
  'ids'?: (number)[];
  /**
   * UTF-8 bytes of each token; a character may be cut between two tokens.
   */
  'texts'?: (Buffer | Uint8Array | string)[];
}

/**
 * Consecutive generated tokens. `ids` and `texts` have the same length.
 */
export interface TokenChunk__Output {
  /**
   * Index of the first token: 0 is the first generated token of the request, whatever the epoch.
   */
  'firstIndex': (number);
  'ids': (number)[];
  /**
   * UTF-8 bytes of each token; a character may be cut between two tokens.
   */
  'texts': (Buffer)[];
}
