// Original file: pomona/v1/node.proto

import type { EmbedInput as _pomona_v1_EmbedInput, EmbedInput__Output as _pomona_v1_EmbedInput__Output } from '../../pomona/v1/EmbedInput.ts';

export interface NodeEmbedRequest {
  'replicaId'?: (string);
  'inputs'?: (_pomona_v1_EmbedInput)[];
}

export interface NodeEmbedRequest__Output {
  'replicaId': (string);
  'inputs': (_pomona_v1_EmbedInput__Output)[];
}
