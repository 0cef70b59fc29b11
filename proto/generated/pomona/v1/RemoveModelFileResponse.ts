// Original file: pomona/v1/node.proto


export interface RemoveModelFileResponse {
}

export interface RemoveModelFileResponse__Output {
}
