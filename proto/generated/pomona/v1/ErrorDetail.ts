// Original file: pomona/v1/generation.proto


export interface ErrorDetail {
  /**
   * A code of the closed set in shared/core/errors.ts.
   */
  'code'?: (string);
  'message'?: (string);
  'isRetryable'?: (boolean);
}

export interface ErrorDetail__Output {
  /**
   * A code of the closed set in shared/core/errors.ts.
   */
  'code': (string);
  'message': (string);
  'isRetryable': (boolean);
}
