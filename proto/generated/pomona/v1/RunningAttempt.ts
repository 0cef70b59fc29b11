// Original file: pomona/v1/node.proto


export interface RunningAttempt {
  'requestId'?: (string);
  'epoch'?: (number);
}

export interface RunningAttempt__Output {
  'requestId': (string);
  'epoch': (number);
}
