// Original file: pomona/v1/inference.proto

import type { TokenIds as _pomona_v1_TokenIds, TokenIds__Output as _pomona_v1_TokenIds__Output } from '../../pomona/v1/TokenIds.ts';

export interface InferenceEmbedInput {
  'text'?: (string);
  'tokenIds'?: (_pomona_v1_TokenIds | null);
  'input'?: "text"|"tokenIds";
}

export interface InferenceEmbedInput__Output {
  'text'?: (string);
  'tokenIds'?: (_pomona_v1_TokenIds__Output | null);
  'input'?: "text"|"tokenIds";
}
