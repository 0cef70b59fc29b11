// Original file: pomona/v1/cluster.proto

import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from '../../pomona/v1/ModelFile.ts';

/**
 * A source after it was looked up: the same files for ever.
 */
export interface PinnedSource {
  'source'?: (string);
  'files'?: (_pomona_v1_ModelFile)[];
  /**
   * Why this variant, where the source left it open.
   */
  'reason'?: (string);
}

/**
 * A source after it was looked up: the same files for ever.
 */
export interface PinnedSource__Output {
  'source': (string);
  'files': (_pomona_v1_ModelFile__Output)[];
  /**
   * Why this variant, where the source left it open.
   */
  'reason': (string);
}
