// Original file: pomona/v1/node.proto


export interface UnloadReplicaResponse {
}

export interface UnloadReplicaResponse__Output {
}
