// Original file: pomona/v1/node.proto


export interface NodeRankRequest {
  'replicaId'?: (string);
  'query'?: (string);
  'documents'?: (string)[];
}

export interface NodeRankRequest__Output {
  'replicaId': (string);
  'query': (string);
  'documents': (string)[];
}
