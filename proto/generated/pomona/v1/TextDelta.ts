// Original file: pomona/v1/inference.proto

import type { LoggedToken as _pomona_v1_LoggedToken, LoggedToken__Output as _pomona_v1_LoggedToken__Output } from '../../pomona/v1/LoggedToken.ts';

/**
 * Text that is safe to show: whole UTF-8 characters, stop strings removed.
 */
export interface TextDelta {
  'text'?: (string);
  /**
   * Index of the last token that this text is made of.
   */
  'lastIndex'?: (number);
  /**
   * The tokens of the text, where they were asked for.
   */
  'tokens'?: (_pomona_v1_LoggedToken)[];
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
  /**
   * The tokens of the text, where they were asked for.
   */
  'tokens': (_pomona_v1_LoggedToken__Output)[];
}
