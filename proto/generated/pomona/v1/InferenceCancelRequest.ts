// Original file: pomona/v1/inference.proto


export interface InferenceCancelRequest {
  /**
   * Of the Bound frame; empty while none has come.
   */
  'requestId'?: (string);
  /**
   * What the caller's request had as idempotency-key in its metadata; only without a request_id.
   */
  'idempotencyKey'?: (string);
}

export interface InferenceCancelRequest__Output {
  /**
   * Of the Bound frame; empty while none has come.
   */
  'requestId': (string);
  /**
   * What the caller's request had as idempotency-key in its metadata; only without a request_id.
   */
  'idempotencyKey': (string);
}
