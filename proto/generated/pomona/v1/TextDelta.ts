// Original file: pomona/v1/inference.proto


/**
 * Text that is safe to show: whole UTF-8 characters, stop strings removed.
 */
export interface TextDelta {
  'text'?: (string);
  /**
   * Index of the last token that this text is made of.
   */
  'lastIndex'?: (number);
}

/**
 * Text that is safe to show: whole UTF-8 characters, stop strings removed.
 */
export interface TextDelta__Output {
  'text': (string);
  /**
   * Index of the last token that this text is made of.
   */
  'lastIndex': (number);
}
