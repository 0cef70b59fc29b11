// Original file: pomona/v1/cluster.proto


export interface RemoveDeploymentResponse {
}

export interface RemoveDeploymentResponse__Output {
}
