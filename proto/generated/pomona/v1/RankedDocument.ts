// Original file: pomona/v1/inference.proto


export interface RankedDocument {
  /**
   * Its place among the documents, from 0.
   */
  'index'?: (number);
  /**
   * From 0 to 1.
   */
  'score'?: (number | string);
}

export interface RankedDocument__Output {
  /**
   * Its place among the documents, from 0.
   */
  'index': (number);
  /**
   * From 0 to 1.
   */
  'score': (number);
}
