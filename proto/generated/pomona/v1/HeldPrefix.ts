// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A sequence whose KV a replica holds.
 */
export interface HeldPrefix {
  /**
   * slot, ram or disk.
   */
  'place'?: (string);
  'tokens'?: (number);
  /**
   * A number below 2^52 for each whole block of 128 tokens; it stands for all tokens up to the block's end.
   */
  'hashes'?: (number | string | Long)[];
  /**
   * Which slot; unset for a saved state.
   */
  'slot'?: (number);
  '_slot'?: "slot";
}

/**
 * A sequence whose KV a replica holds.
 */
export interface HeldPrefix__Output {
  /**
   * slot, ram or disk.
   */
  'place': (string);
  'tokens': (number);
  /**
   * A number below 2^52 for each whole block of 128 tokens; it stands for all tokens up to the block's end.
   */
  'hashes': (number)[];
  /**
   * Which slot; unset for a saved state.
   */
  'slot'?: (number);
  '_slot'?: "slot";
}
