// Original file: pomona/v1/cluster.proto


export interface WatchEventsRequest {
  /**
   * Of the last 1,000 events, how many come first; 0 for none.
   */
  'recent'?: (number);
}

export interface WatchEventsRequest__Output {
  /**
   * Of the last 1,000 events, how many come first; 0 for none.
   */
  'recent': (number);
}
