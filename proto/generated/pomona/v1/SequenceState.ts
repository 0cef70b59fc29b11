// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

/**
 * The KV of one sequence, in the engine's own form.
 */
export interface SequenceState {
  /**
   * Equal for replicas that can use each other's: file, adapters, engine, KV type and context.
   */
  'key'?: (string);
  'tokenIds'?: (number)[];
  /**
   * Lengths of the batches in which they were evaluated.
   */
  'chunkLengths'?: (number)[];
  /**
   * As in NodeGenerateRequest.
   */
  'cacheScope'?: (string);
  'sharedPromptTokens'?: (number);
  'bytes'?: (number | string | Long);
}

/**
 * The KV of one sequence, in the engine's own form.
 */
export interface SequenceState__Output {
  /**
   * Equal for replicas that can use each other's: file, adapters, engine, KV type and context.
   */
  'key': (string);
  'tokenIds': (number)[];
  /**
   * Lengths of the batches in which they were evaluated.
   */
  'chunkLengths': (number)[];
  /**
   * As in NodeGenerateRequest.
   */
  'cacheScope': (string);
  'sharedPromptTokens': (number);
  'bytes': (number);
}
