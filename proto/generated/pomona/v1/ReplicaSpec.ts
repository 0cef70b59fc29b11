// Original file: pomona/v1/node.proto

import type { EngineOptions as _pomona_v1_EngineOptions, EngineOptions__Output as _pomona_v1_EngineOptions__Output } from '../../pomona/v1/EngineOptions.ts';
import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from '../../pomona/v1/ModelFile.ts';

export interface ReplicaSpec {
  'model'?: (string);
  /**
   * builtin:tiny, a path, or file: and a path, on the node.
   */
  'source'?: (string);
  'slots'?: (number);
  /**
   * Tokens of context per slot; 0 means the smaller of the trained context and 8,192.
   */
  'contextLength'?: (number);
  /**
   * Unset means the defaults.
   */
  'engine'?: (_pomona_v1_EngineOptions | null);
  /**
   * The model's files in the node's store; empty when it is loaded from where the source lies.
   */
  'files'?: (_pomona_v1_ModelFile)[];
  /**
   * Names this way to run the model: whoever asks tells an old replica from a new one by it.
   */
  'revision'?: (string);
}

export interface ReplicaSpec__Output {
  'model': (string);
  /**
   * builtin:tiny, a path, or file: and a path, on the node.
   */
  'source': (string);
  'slots': (number);
  /**
   * Tokens of context per slot; 0 means the smaller of the trained context and 8,192.
   */
  'contextLength': (number);
  /**
   * Unset means the defaults.
   */
  'engine': (_pomona_v1_EngineOptions__Output | null);
  /**
   * The model's files in the node's store; empty when it is loaded from where the source lies.
   */
  'files': (_pomona_v1_ModelFile__Output)[];
  /**
   * Names this way to run the model: whoever asks tells an old replica from a new one by it.
   */
  'revision': (string);
}
