// Original file: pomona/v1/cluster.proto


export interface ForgetNodeResponse {
}

export interface ForgetNodeResponse__Output {
}
