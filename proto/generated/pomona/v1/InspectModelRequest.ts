// Original file: pomona/v1/node.proto


export interface InspectModelRequest {
  /**
   * builtin:tiny, a path, file: and a path, https:, or hf:owner/repo[@revision][:quant].
   */
  'source'?: (string);
  /**
   * SHA-256 that its one file must have; empty for any.
   */
  'digest'?: (string);
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
}
