/** How an engine is to run one replica. Every field is set; see `defaultEngineOptions`. */
export type EngineOptions = {
  /** Layers on the GPU; null lets the engine decide, which is all that fit. Without a GPU it is ignored. */
  readonly gpuLayers: number | null;
  /** Threads of an evaluation; null is the node's share of one replica. */
  readonly threads: number | null;
  /** Most tokens of one evaluation, 64 to 2,048. The compute buffer grows with it. */
  readonly batchSize: number;
  /** Most prompt tokens that a step evaluates while other streams wait, 64 to `batchSize`. */
  readonly chunkLength: number;
  /** Type of the values in the KV. Quantised ones need flash attention. */
  readonly kvType: KvType;
  readonly hasFlashAttention: boolean;
  /** Maps the file instead of reading it: loads faster, and the system may drop pages that it can read again. */
  readonly usesMmap: boolean;
  /**
   * Most tokens of an input for embeddings or ranking, up to 8,192; 0 makes none, and reserves no memory for it. null is
   * what the model is made for: see `embeddingLengthFor`.
   */
  readonly embeddingLength: number | null;
  /** Adapters that are laid over the weights, in order. */
  readonly loras: readonly LoraAdapter[];
  /** Keeps the weights from being swapped out. */
  readonly usesMlock: boolean;
};

/** `path` is a GGUF file on the node; `scale` 1 is as it was trained, 0 nothing of it. */
export type LoraAdapter = { readonly path: string; readonly scale: number };

export type KvType = "f16" | "q8_0" | "q4_0";

export const kvTypes: readonly KvType[] = ["f16", "q8_0", "q4_0"];

/**
 * Chunks of 256 cost nothing against a whole prompt (measured). No batch is longer than a chunk, so that a larger one
 * would only reserve a larger compute buffer.
 */
export const defaultEngineOptions: EngineOptions = {
  gpuLayers: null,
  threads: null,
  batchSize: 256,
  chunkLength: 256,
  kvType: "f16",
  embeddingLength: null,
  loras: [],
  hasFlashAttention: true,
  usesMmap: true,
  usesMlock: false,
};

/** Bytes of one value: ggml's blocks of 32 values are 64, 34 and 18 bytes long. */
export const kvBytesPerValue: Readonly<Record<KvType, number>> = { f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 };
