// Original file: pomona/v1/node.proto


export interface UnloadReplicaRequest {
  'replicaId'?: (string);
}

export interface UnloadReplicaRequest__Output {
  'replicaId': (string);
}
