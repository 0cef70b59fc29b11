// Original file: pomona/v1/generation.proto

export const FinishReason = {
  FINISH_REASON_UNSPECIFIED: 'FINISH_REASON_UNSPECIFIED',
  /**
   * The model ended its answer, or a stop token or stop string was met.
   */
  FINISH_REASON_STOP: 'FINISH_REASON_STOP',
  /**
   * max_tokens or the end of the context.
   */
  FINISH_REASON_LENGTH: 'FINISH_REASON_LENGTH',
  FINISH_REASON_CANCELLED: 'FINISH_REASON_CANCELLED',
  /**
   * The deadline passed, in the queue or on the node.
   */
  FINISH_REASON_EXPIRED: 'FINISH_REASON_EXPIRED',
  FINISH_REASON_FAILED: 'FINISH_REASON_FAILED',
} as const;

export type FinishReason =
  | 'FINISH_REASON_UNSPECIFIED'
  | 0
  /**
   * The model ended its answer, or a stop token or stop string was met.
   */
  | 'FINISH_REASON_STOP'
  | 1
  /**
   * max_tokens or the end of the context.
   */
  | 'FINISH_REASON_LENGTH'
  | 2
  | 'FINISH_REASON_CANCELLED'
  | 3
  /**
   * The deadline passed, in the queue or on the node.
   */
  | 'FINISH_REASON_EXPIRED'
  | 4
  | 'FINISH_REASON_FAILED'
  | 5

export type FinishReason__Output = typeof FinishReason[keyof typeof FinishReason]
