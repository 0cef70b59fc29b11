// Original file: pomona/v1/inference.proto

import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from '../../pomona/v1/Chat.ts';
import type { TokenIds as _pomona_v1_TokenIds, TokenIds__Output as _pomona_v1_TokenIds__Output } from '../../pomona/v1/TokenIds.ts';
import type { Sampling as _pomona_v1_Sampling, Sampling__Output as _pomona_v1_Sampling__Output } from '../../pomona/v1/Sampling.ts';
import type { OutputWish as _pomona_v1_OutputWish, OutputWish__Output as _pomona_v1_OutputWish__Output } from '../../pomona/v1/OutputWish.ts';

export interface InferenceGenerateRequest {
  'model'?: (string);
  /**
   * Special tokens of the model are read where they are spelt.
   */
  'prompt'?: (string);
  'chat'?: (_pomona_v1_Chat | null);
  'promptTokenIds'?: (_pomona_v1_TokenIds | null);
  'sampling'?: (_pomona_v1_Sampling | null);
  /**
   * 0 means: the rest of the context.
   */
  'maxTokens'?: (number);
  /**
   * The answer ends before the first of these; at most 16.
   */
  'stop'?: (string)[];
  /**
   * 0 means: no deadline of its own. Counts from the arrival.
   */
  'timeoutMs'?: (number);
  /**
   * Without a seed the coordinator draws one.
   */
  'hasSeed'?: (boolean);
  /**
   * interactive (the default) or batch, which gets slots that nobody else waits for.
   */
  'priority'?: (string);
  'output'?: (_pomona_v1_OutputWish | null);
  /**
   * What comes after the answer: a model that was made for it fills the gap behind `prompt`; only with that, empty for none.
   */
  'suffix'?: (string);
  'input'?: "prompt"|"chat"|"promptTokenIds";
}

export interface InferenceGenerateRequest__Output {
  'model': (string);
  /**
   * Special tokens of the model are read where they are spelt.
   */
  'prompt'?: (string);
  'chat'?: (_pomona_v1_Chat__Output | null);
  'promptTokenIds'?: (_pomona_v1_TokenIds__Output | null);
  'sampling': (_pomona_v1_Sampling__Output | null);
  /**
   * 0 means: the rest of the context.
   */
  'maxTokens': (number);
  /**
   * The answer ends before the first of these; at most 16.
   */
  'stop': (string)[];
  /**
   * 0 means: no deadline of its own. Counts from the arrival.
   */
  'timeoutMs': (number);
  /**
   * Without a seed the coordinator draws one.
   */
  'hasSeed': (boolean);
  /**
   * interactive (the default) or batch, which gets slots that nobody else waits for.
   */
  'priority': (string);
  'output': (_pomona_v1_OutputWish__Output | null);
  /**
   * What comes after the answer: a model that was made for it fills the gap behind `prompt`; only with that, empty for none.
   */
  'suffix': (string);
  'input'?: "prompt"|"chat"|"promptTokenIds";
}
