// Original file: pomona/v1/node.proto

import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from '../../pomona/v1/ModelFile.ts';
import type { ModelVariant as _pomona_v1_ModelVariant, ModelVariant__Output as _pomona_v1_ModelVariant__Output } from '../../pomona/v1/ModelVariant.ts';

export interface InspectModelResponse {
  /**
   * In the order in which they make one model; empty when the source names no variant of several.
   */
  'files'?: (_pomona_v1_ModelFile)[];
  /**
   * The beginning of each file, as long as its header.
   */
  'headers'?: (Buffer | Uint8Array | string)[];
  /**
   * Whether the files lie on this node and can be loaded where they are.
   */
  'isInPlace'?: (boolean);
  /**
   * The same source with its revision; a download of it always gives the same files.
   */
  'pinnedSource'?: (string);
  /**
   * What there is to choose from, the smallest first; empty when files are named.
   */
  'variants'?: (_pomona_v1_ModelVariant)[];
}

export interface InspectModelResponse__Output {
  /**
   * In the order in which they make one model; empty when the source names no variant of several.
   */
  'files': (_pomona_v1_ModelFile__Output)[];
  /**
   * The beginning of each file, as long as its header.
   */
  'headers': (Buffer)[];
  /**
   * Whether the files lie on this node and can be loaded where they are.
   */
  'isInPlace': (boolean);
  /**
   * The same source with its revision; a download of it always gives the same files.
   */
  'pinnedSource': (string);
  /**
   * What there is to choose from, the smallest first; empty when files are named.
   */
  'variants': (_pomona_v1_ModelVariant__Output)[];
}
