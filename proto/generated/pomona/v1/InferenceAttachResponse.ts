// Original file: pomona/v1/inference.proto

import type { InferenceGenerateResponse as _pomona_v1_InferenceGenerateResponse, InferenceGenerateResponse__Output as _pomona_v1_InferenceGenerateResponse__Output } from '../../pomona/v1/InferenceGenerateResponse.ts';

export interface InferenceAttachResponse {
  'response'?: (_pomona_v1_InferenceGenerateResponse | null);
}

export interface InferenceAttachResponse__Output {
  'response': (_pomona_v1_InferenceGenerateResponse__Output | null);
}
