// Original file: pomona/v1/node.proto

import type { Embedding as _pomona_v1_Embedding, Embedding__Output as _pomona_v1_Embedding__Output } from '../../pomona/v1/Embedding.ts';

export interface NodeEmbedResponse {
  'embeddings'?: (_pomona_v1_Embedding)[];
}

export interface NodeEmbedResponse__Output {
  'embeddings': (_pomona_v1_Embedding__Output)[];
}
