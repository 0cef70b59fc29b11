// Original file: pomona/v1/node.proto


export interface RemoveModelFileRequest {
  'digest'?: (string);
}

export interface RemoveModelFileRequest__Output {
  'digest': (string);
}
