// Original file: pomona/v1/inference.proto


/**
 * How far a model is whose first replica is on its way.
 */
export interface LoadingOutlook {
  /**
   * waiting for memory or a node, fetching its files, or loading.
   */
  'state'?: (string);
  'percent'?: (number);
  /**
   * Unset while nobody knows.
   */
  'readyInMs'?: (number | string);
  '_readyInMs'?: "readyInMs";
}

/**
 * How far a model is whose first replica is on its way.
 */
export interface LoadingOutlook__Output {
  /**
   * waiting for memory or a node, fetching its files, or loading.
   */
  'state': (string);
  'percent': (number);
  /**
   * Unset while nobody knows.
   */
  'readyInMs'?: (number);
  '_readyInMs'?: "readyInMs";
}
