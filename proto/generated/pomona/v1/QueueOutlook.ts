// Original file: pomona/v1/generation.proto


/**
 * Where a request stands, or would stand, among those that wait for its model.
 */
export interface QueueOutlook {
  'length'?: (number);
  /**
   * 1 is next.
   */
  'position'?: (number);
  'expectedWaitMs'?: (number | string);
}

/**
 * Where a request stands, or would stand, among those that wait for its model.
 */
export interface QueueOutlook__Output {
  'length': (number);
  /**
   * 1 is next.
   */
  'position': (number);
  'expectedWaitMs': (number);
}
