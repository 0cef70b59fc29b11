// Original file: pomona/v1/node.proto

import type { LoraAdapter as _pomona_v1_LoraAdapter, LoraAdapter__Output as _pomona_v1_LoraAdapter__Output } from '../../pomona/v1/LoraAdapter.ts';

/**
 * How the engine runs a replica.
 */
export interface EngineOptions {
  /**
   * Layers on the GPU; unset means all that fit.
   */
  'gpuLayers'?: (number);
  /**
   * 0 means the node's share of one replica.
   */
  'threads'?: (number);
  /**
   * Most tokens of one evaluation; 0 means 256.
   */
  'batchSize'?: (number);
  /**
   * Most prompt tokens of a step; 0 means 256.
   */
  'chunkLength'?: (number);
  /**
   * f16, q8_0 or q4_0; empty means f16.
   */
  'kvType'?: (string);
  'noFlashAttention'?: (boolean);
  'noMmap'?: (boolean);
  'mlock'?: (boolean);
  /**
   * Most tokens of an input for embeddings or ranking; 0 makes none; unset is what the model is made for.
   */
  'embeddingLength'?: (number);
  'loras'?: (_pomona_v1_LoraAdapter)[];
  '_gpuLayers'?: "gpuLayers";
  '_embeddingLength'?: "embeddingLength";
}

/**
 * How the engine runs a replica.
 */
export interface EngineOptions__Output {
  /**
   * Layers on the GPU; unset means all that fit.
   */
  'gpuLayers'?: (number);
  /**
   * 0 means the node's share of one replica.
   */
  'threads': (number);
  /**
   * Most tokens of one evaluation; 0 means 256.
   */
  'batchSize': (number);
  /**
   * Most prompt tokens of a step; 0 means 256.
   */
  'chunkLength': (number);
  /**
   * f16, q8_0 or q4_0; empty means f16.
   */
  'kvType': (string);
  'noFlashAttention': (boolean);
  'noMmap': (boolean);
  'mlock': (boolean);
  /**
   * Most tokens of an input for embeddings or ranking; 0 makes none; unset is what the model is made for.
   */
  'embeddingLength'?: (number);
  'loras': (_pomona_v1_LoraAdapter__Output)[];
  '_gpuLayers'?: "gpuLayers";
  '_embeddingLength'?: "embeddingLength";
}
