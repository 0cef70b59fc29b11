// Original file: pomona/v1/inference.proto


export interface InferenceCancelResponse {
}

export interface InferenceCancelResponse__Output {
}
