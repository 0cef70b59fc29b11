// Original file: pomona/v1/cluster.proto


export interface ExplainRequestRequest {
  'requestId'?: (string);
}

export interface ExplainRequestRequest__Output {
  'requestId': (string);
}
