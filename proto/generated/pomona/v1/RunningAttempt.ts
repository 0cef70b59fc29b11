// Original file: pomona/v1/node.proto


export interface RunningAttempt {
  'requestId'?: (string);
  'epoch'?: (number);
  /**
   * Nobody reads it: its coordinator is gone, or cannot be reached.
   */
  'isOrphaned'?: (boolean);
}

export interface RunningAttempt__Output {
  'requestId': (string);
  'epoch': (number);
  /**
   * Nobody reads it: its coordinator is gone, or cannot be reached.
   */
  'isOrphaned': (boolean);
}
