// Original file: pomona/v1/node.proto


export interface NodeRankResponse {
  /**
   * From 0 to 1, in the order of the documents.
   */
  'scores'?: (number | string)[];
  /**
   * Of each document, with the query and all between.
   */
  'tokens'?: (number)[];
}

export interface NodeRankResponse__Output {
  /**
   * From 0 to 1, in the order of the documents.
   */
  'scores': (number)[];
  /**
   * Of each document, with the query and all between.
   */
  'tokens': (number)[];
}
