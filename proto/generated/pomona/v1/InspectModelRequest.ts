// Original file: pomona/v1/node.proto

import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from '../../pomona/v1/ModelFile.ts';

export interface InspectModelRequest {
  /**
   * builtin:tiny, a path, file: and a path, https:, or hf:owner/repo[@revision][:quant].
   */
  'source'?: (string);
  /**
   * SHA-256 that its one file must have; empty for any.
   */
  'digest'?: (string);
  /**
   * What a path was found to be: where nothing lies at it, a node answers by its copies of these.
   */
  'known'?: (_pomona_v1_ModelFile)[];
}

export interface InspectModelRequest__Output {
  /**
   * builtin:tiny, a path, file: and a path, https:, or hf:owner/repo[@revision][:quant].
   */
  'source': (string);
  /**
   * SHA-256 that its one file must have; empty for any.
   */
  'digest': (string);
  /**
   * What a path was found to be: where nothing lies at it, a node answers by its copies of these.
   */
  'known': (_pomona_v1_ModelFile__Output)[];
}
