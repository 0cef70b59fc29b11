// Original file: pomona/v1/node.proto

import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from '../../pomona/v1/ModelFile.ts';

export interface PullModelRequest {
  'files'?: (_pomona_v1_ModelFile)[];
  /**
   * Where they come from when no peer has them; empty for nowhere.
   */
  'source'?: (string);
  /**
   * host:port of the Node services that hold them.
   */
  'peers'?: (string)[];
}

export interface PullModelRequest__Output {
  'files': (_pomona_v1_ModelFile__Output)[];
  /**
   * Where they come from when no peer has them; empty for nowhere.
   */
  'source': (string);
  /**
   * host:port of the Node services that hold them.
   */
  'peers': (string)[];
}
