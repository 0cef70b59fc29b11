// Original file: pomona/v1/node.proto

import type { NodeGenerateRequest as _pomona_v1_NodeGenerateRequest, NodeGenerateRequest__Output as _pomona_v1_NodeGenerateRequest__Output } from '../../pomona/v1/NodeGenerateRequest.ts';
import type { NodeGenerateResponse as _pomona_v1_NodeGenerateResponse, NodeGenerateResponse__Output as _pomona_v1_NodeGenerateResponse__Output } from '../../pomona/v1/NodeGenerateResponse.ts';

export interface NodeAttachResponse {
  /**
   * The attempt's request, so that a coordinator that knows nothing can go on; only when from_index is 0.
   */
  'request'?: (_pomona_v1_NodeGenerateRequest | null);
  'response'?: (_pomona_v1_NodeGenerateResponse | null);
}

export interface NodeAttachResponse__Output {
  /**
   * The attempt's request, so that a coordinator that knows nothing can go on; only when from_index is 0.
   */
  'request': (_pomona_v1_NodeGenerateRequest__Output | null);
  'response': (_pomona_v1_NodeGenerateResponse__Output | null);
}
