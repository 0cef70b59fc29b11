// Original file: pomona/v1/node.proto


export interface DrainResponse {
}

export interface DrainResponse__Output {
}
