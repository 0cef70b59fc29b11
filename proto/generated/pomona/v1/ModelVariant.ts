// Original file: pomona/v1/node.proto

import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from '../../pomona/v1/ModelFile.ts';

/**
 * One way in which a repository offers a model.
 */
export interface ModelVariant {
  /**
   * Such as Q4_K_M.
   */
  'quant'?: (string);
  'files'?: (_pomona_v1_ModelFile)[];
}

/**
 * One way in which a repository offers a model.
 */
export interface ModelVariant__Output {
  /**
   * Such as Q4_K_M.
   */
  'quant': (string);
  'files': (_pomona_v1_ModelFile__Output)[];
}
