// Original file: pomona/v1/node.proto


export interface NodeAttachRequest {
  'requestId'?: (string);
  'epoch'?: (number);
  'fromIndex'?: (number);
}

export interface NodeAttachRequest__Output {
  'requestId': (string);
  'epoch': (number);
  'fromIndex': (number);
}
