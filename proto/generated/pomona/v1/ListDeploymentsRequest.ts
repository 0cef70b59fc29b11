// Original file: pomona/v1/cluster.proto


export interface ListDeploymentsRequest {
}

export interface ListDeploymentsRequest__Output {
}
