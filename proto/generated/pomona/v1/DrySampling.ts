// Original file: pomona/v1/generation.proto


/**
 * "Don't repeat yourself": a token that would lengthen a repetition of n tokens loses
 * multiplier * base^(n - allowed_length).
 */
export interface DrySampling {
  'multiplier'?: (number | string);
  /**
   * 0 means 1.75.
   */
  'base'?: (number | string);
  /**
   * 0 means 2.
   */
  'allowedLength'?: (number);
  /**
   * How far back it looks, the prompt included; 0 means 1024.
   */
  'lastTokens'?: (number);
}

/**
 * "Don't repeat yourself": a token that would lengthen a repetition of n tokens loses
 * multiplier * base^(n - allowed_length).
 */
export interface DrySampling__Output {
  'multiplier': (number);
  /**
   * 0 means 1.75.
   */
  'base': (number);
  /**
   * 0 means 2.
   */
  'allowedLength': (number);
  /**
   * How far back it looks, the prompt included; 0 means 1024.
   */
  'lastTokens': (number);
}
