// Original file: pomona/v1/node.proto

import type { Accepted as _pomona_v1_Accepted, Accepted__Output as _pomona_v1_Accepted__Output } from '../../pomona/v1/Accepted.ts';
import type { PrefillChunk as _pomona_v1_PrefillChunk, PrefillChunk__Output as _pomona_v1_PrefillChunk__Output } from '../../pomona/v1/PrefillChunk.ts';
import type { TokenChunk as _pomona_v1_TokenChunk, TokenChunk__Output as _pomona_v1_TokenChunk__Output } from '../../pomona/v1/TokenChunk.ts';
import type { Ending as _pomona_v1_Ending, Ending__Output as _pomona_v1_Ending__Output } from '../../pomona/v1/Ending.ts';
import type { PromptLogprobs as _pomona_v1_PromptLogprobs, PromptLogprobs__Output as _pomona_v1_PromptLogprobs__Output } from '../../pomona/v1/PromptLogprobs.ts';

export interface NodeGenerateResponse {
  'requestId'?: (string);
  'epoch'?: (number);
  'accepted'?: (_pomona_v1_Accepted | null);
  'prefill'?: (_pomona_v1_PrefillChunk | null);
  'tokens'?: (_pomona_v1_TokenChunk | null);
  'ending'?: (_pomona_v1_Ending | null);
  'promptLogprobs'?: (_pomona_v1_PromptLogprobs | null);
  'frame'?: "accepted"|"prefill"|"tokens"|"ending"|"promptLogprobs";
}

export interface NodeGenerateResponse__Output {
  'requestId': (string);
  'epoch': (number);
  'accepted'?: (_pomona_v1_Accepted__Output | null);
  'prefill'?: (_pomona_v1_PrefillChunk__Output | null);
  'tokens'?: (_pomona_v1_TokenChunk__Output | null);
  'ending'?: (_pomona_v1_Ending__Output | null);
  'promptLogprobs'?: (_pomona_v1_PromptLogprobs__Output | null);
  'frame'?: "accepted"|"prefill"|"tokens"|"ending"|"promptLogprobs";
}
