// Original file: pomona/v1/node.proto


export interface ListReplicasRequest {
}

export interface ListReplicasRequest__Output {
}
