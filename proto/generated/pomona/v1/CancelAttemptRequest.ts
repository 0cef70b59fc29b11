// Original file: pomona/v1/node.proto


export interface CancelAttemptRequest {
  'requestId'?: (string);
  'epoch'?: (number);
}

export interface CancelAttemptRequest__Output {
  'requestId': (string);
  'epoch': (number);
}
