// Original file: pomona/v1/node.proto

import type { SequenceState as _pomona_v1_SequenceState, SequenceState__Output as _pomona_v1_SequenceState__Output } from '../../pomona/v1/SequenceState.ts';

export interface ReadStateResponse {
  /**
   * In the first message.
   */
  'state'?: (_pomona_v1_SequenceState | null);
  'data'?: (Buffer | Uint8Array | string);
  /**
   * Of all data; in the last message.
   */
  'crc32'?: (number);
  '_crc32'?: "crc32";
}

export interface ReadStateResponse__Output {
  /**
   * In the first message.
   */
  'state': (_pomona_v1_SequenceState__Output | null);
  'data': (Buffer);
  /**
   * Of all data; in the last message.
   */
  'crc32'?: (number);
  '_crc32'?: "crc32";
}
