// Original file: pomona/v1/node.proto

import type { PrefillProgress as _pomona_v1_PrefillProgress, PrefillProgress__Output as _pomona_v1_PrefillProgress__Output } from '../../pomona/v1/PrefillProgress.ts';

/**
 * One prefill chunk was evaluated: `progress` so far, and how long this chunk was (0 when the frame
 * only says how much was reused).
 */
export interface PrefillChunk {
  'progress'?: (_pomona_v1_PrefillProgress | null);
  'chunkLength'?: (number);
}

/**
 * One prefill chunk was evaluated: `progress` so far, and how long this chunk was (0 when the frame
 * only says how much was reused).
 */
export interface PrefillChunk__Output {
  'progress': (_pomona_v1_PrefillProgress__Output | null);
  'chunkLength': (number);
}
