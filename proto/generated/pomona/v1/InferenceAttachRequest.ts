// Original file: pomona/v1/inference.proto


export interface InferenceAttachRequest {
  'requestId'?: (string);
  /**
   * Tokens before this index are not sent again.
   */
  'fromIndex'?: (number);
}

export interface InferenceAttachRequest__Output {
  'requestId': (string);
  /**
   * Tokens before this index are not sent again.
   */
  'fromIndex': (number);
}
