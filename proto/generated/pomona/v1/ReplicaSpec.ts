// Original file: pomona/v1/node.proto


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
}
