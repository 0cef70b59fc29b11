// Original file: pomona/v1/node.proto


export interface DrainRequest {
  /**
   * Whether to stop draining.
   */
  'isOver'?: (boolean);
}

export interface DrainRequest__Output {
  /**
   * Whether to stop draining.
   */
  'isOver': (boolean);
}
