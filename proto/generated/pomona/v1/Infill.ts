// Original file: pomona/v1/generation.proto


/**
 * A gap: the text between these two is asked for.
 */
export interface Infill {
  'prefix'?: (string);
  'suffix'?: (string);
}

/**
 * A gap: the text between these two is asked for.
 */
export interface Infill__Output {
  'prefix': (string);
  'suffix': (string);
}
