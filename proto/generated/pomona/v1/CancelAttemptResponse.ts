// Original file: pomona/v1/node.proto


export interface CancelAttemptResponse {
}

export interface CancelAttemptResponse__Output {
}
