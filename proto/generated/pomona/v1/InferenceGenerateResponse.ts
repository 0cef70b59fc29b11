// Original file: pomona/v1/inference.proto

import type { Bound as _pomona_v1_Bound, Bound__Output as _pomona_v1_Bound__Output } from '../../pomona/v1/Bound.ts';
import type { PrefillProgress as _pomona_v1_PrefillProgress, PrefillProgress__Output as _pomona_v1_PrefillProgress__Output } from '../../pomona/v1/PrefillProgress.ts';
import type { TextDelta as _pomona_v1_TextDelta, TextDelta__Output as _pomona_v1_TextDelta__Output } from '../../pomona/v1/TextDelta.ts';
import type { Ending as _pomona_v1_Ending, Ending__Output as _pomona_v1_Ending__Output } from '../../pomona/v1/Ending.ts';
import type { QueueOutlook as _pomona_v1_QueueOutlook, QueueOutlook__Output as _pomona_v1_QueueOutlook__Output } from '../../pomona/v1/QueueOutlook.ts';
import type { LoadingOutlook as _pomona_v1_LoadingOutlook, LoadingOutlook__Output as _pomona_v1_LoadingOutlook__Output } from '../../pomona/v1/LoadingOutlook.ts';
import type { ToolCallDelta as _pomona_v1_ToolCallDelta, ToolCallDelta__Output as _pomona_v1_ToolCallDelta__Output } from '../../pomona/v1/ToolCallDelta.ts';
import type { PromptLogprobs as _pomona_v1_PromptLogprobs, PromptLogprobs__Output as _pomona_v1_PromptLogprobs__Output } from '../../pomona/v1/PromptLogprobs.ts';

export interface InferenceGenerateResponse {
  'bound'?: (_pomona_v1_Bound | null);
  'progress'?: (_pomona_v1_PrefillProgress | null);
  'text'?: (_pomona_v1_TextDelta | null);
  'ending'?: (_pomona_v1_Ending | null);
  /**
   * While it waits, every two seconds.
   */
  'waiting'?: (_pomona_v1_QueueOutlook | null);
  /**
   * While the model is being loaded, every two seconds.
   */
  'loading'?: (_pomona_v1_LoadingOutlook | null);
  /**
   * Thoughts of a model that writes them down.
   */
  'reasoning'?: (_pomona_v1_TextDelta | null);
  'toolCall'?: (_pomona_v1_ToolCallDelta | null);
  /**
   * Before the first text. After a lost connection one may begin with tokens that came before: its first_index says so.
   */
  'promptLogprobs'?: (_pomona_v1_PromptLogprobs | null);
  'frame'?: "bound"|"progress"|"text"|"ending"|"waiting"|"loading"|"reasoning"|"toolCall"|"promptLogprobs";
}

export interface InferenceGenerateResponse__Output {
  'bound'?: (_pomona_v1_Bound__Output | null);
  'progress'?: (_pomona_v1_PrefillProgress__Output | null);
  'text'?: (_pomona_v1_TextDelta__Output | null);
  'ending'?: (_pomona_v1_Ending__Output | null);
  /**
   * While it waits, every two seconds.
   */
  'waiting'?: (_pomona_v1_QueueOutlook__Output | null);
  /**
   * While the model is being loaded, every two seconds.
   */
  'loading'?: (_pomona_v1_LoadingOutlook__Output | null);
  /**
   * Thoughts of a model that writes them down.
   */
  'reasoning'?: (_pomona_v1_TextDelta__Output | null);
  'toolCall'?: (_pomona_v1_ToolCallDelta__Output | null);
  /**
   * Before the first text. After a lost connection one may begin with tokens that came before: its first_index says so.
   */
  'promptLogprobs'?: (_pomona_v1_PromptLogprobs__Output | null);
  'frame'?: "bound"|"progress"|"text"|"ending"|"waiting"|"loading"|"reasoning"|"toolCall"|"promptLogprobs";
}
