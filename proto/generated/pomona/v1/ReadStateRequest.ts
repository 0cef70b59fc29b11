// Original file: pomona/v1/node.proto


export interface ReadStateRequest {
  'requestId'?: (string);
  'epoch'?: (number);
}

export interface ReadStateRequest__Output {
  'requestId': (string);
  'epoch': (number);
}
