// Original file: pomona/v1/inference.proto

import type { InferenceEmbedInput as _pomona_v1_InferenceEmbedInput, InferenceEmbedInput__Output as _pomona_v1_InferenceEmbedInput__Output } from '../../pomona/v1/InferenceEmbedInput.ts';

export interface InferenceEmbedRequest {
  'model'?: (string);
  /**
   * 2,048 at most.
   */
  'inputs'?: (_pomona_v1_InferenceEmbedInput)[];
  /**
   * Cuts the vectors to their first so many values, and makes their length 1 again; 0 leaves them whole.
   */
  'dimensions'?: (number);
  /**
   * 0 means: no deadline of its own. Counts from the arrival.
   */
  'timeoutMs'?: (number);
  /**
   * interactive (the default) or batch.
   */
  'priority'?: (string);
}

export interface InferenceEmbedRequest__Output {
  'model': (string);
  /**
   * 2,048 at most.
   */
  'inputs': (_pomona_v1_InferenceEmbedInput__Output)[];
  /**
   * Cuts the vectors to their first so many values, and makes their length 1 again; 0 leaves them whole.
   */
  'dimensions': (number);
  /**
   * 0 means: no deadline of its own. Counts from the arrival.
   */
  'timeoutMs': (number);
  /**
   * interactive (the default) or batch.
   */
  'priority': (string);
}
