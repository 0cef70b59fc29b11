// Original file: pomona/v1/inference.proto

import type { RankedDocument as _pomona_v1_RankedDocument, RankedDocument__Output as _pomona_v1_RankedDocument__Output } from '../../pomona/v1/RankedDocument.ts';

export interface InferenceRerankResponse {
  /**
   * The most relevant first.
   */
  'results'?: (_pomona_v1_RankedDocument)[];
  /**
   * Of all documents, each with the query.
   */
  'promptTokens'?: (number);
  /**
   * The first of those that evaluated them.
   */
  'nodeId'?: (string);
}

export interface InferenceRerankResponse__Output {
  /**
   * The most relevant first.
   */
  'results': (_pomona_v1_RankedDocument__Output)[];
  /**
   * Of all documents, each with the query.
   */
  'promptTokens': (number);
  /**
   * The first of those that evaluated them.
   */
  'nodeId': (string);
}
