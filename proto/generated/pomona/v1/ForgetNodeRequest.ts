// Original file: pomona/v1/cluster.proto


export interface ForgetNodeRequest {
  'nodeId'?: (string);
}

export interface ForgetNodeRequest__Output {
  'nodeId': (string);
}
