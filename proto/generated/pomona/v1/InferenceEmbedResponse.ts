// Original file: pomona/v1/inference.proto

import type { InferenceEmbedding as _pomona_v1_InferenceEmbedding, InferenceEmbedding__Output as _pomona_v1_InferenceEmbedding__Output } from '../../pomona/v1/InferenceEmbedding.ts';

export interface InferenceEmbedResponse {
  /**
   * In the order of the inputs.
   */
  'embeddings'?: (_pomona_v1_InferenceEmbedding)[];
  /**
   * Of all inputs.
   */
  'promptTokens'?: (number);
  /**
   * The first of those that evaluated them.
   */
  'nodeId'?: (string);
}

export interface InferenceEmbedResponse__Output {
  /**
   * In the order of the inputs.
   */
  'embeddings': (_pomona_v1_InferenceEmbedding__Output)[];
  /**
   * Of all inputs.
   */
  'promptTokens': (number);
  /**
   * The first of those that evaluated them.
   */
  'nodeId': (string);
}
