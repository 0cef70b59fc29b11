// Original file: pomona/v1/generation.proto


/**
 * What the model makes of consecutive tokens of a prompt: of each a row, which is the token and then the alternatives in its
 * place, most likely first. All rows are equally long.
 */
export interface PromptLogprobs {
  /**
   * Place of the first token in the prompt.
   */
  'firstIndex'?: (number);
  /**
   * Entries of a row.
   */
  'rowLength'?: (number);
  'ids'?: (number)[];
  /**
   * NaN where there is none: for all of the first token's row, since nothing comes before it.
   */
  'logprobs'?: (number | string)[];
  /**
   * UTF-8 bytes of all entries, one after another, and how many each has.
   */
  'texts'?: (Buffer | Uint8Array | string);
  'textLengths'?: (number)[];
}

/**
 * What the model makes of consecutive tokens of a prompt: of each a row, which is the token and then the alternatives in its
 * place, most likely first. All rows are equally long.
 */
export interface PromptLogprobs__Output {
  /**
   * Place of the first token in the prompt.
   */
  'firstIndex': (number);
  /**
   * Entries of a row.
   */
  'rowLength': (number);
  'ids': (number)[];
  /**
   * NaN where there is none: for all of the first token's row, since nothing comes before it.
   */
  'logprobs': (number)[];
  /**
   * UTF-8 bytes of all entries, one after another, and how many each has.
   */
  'texts': (Buffer);
  'textLengths': (number)[];
}
