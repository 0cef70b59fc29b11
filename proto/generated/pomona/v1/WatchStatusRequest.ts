// Original file: pomona/v1/node.proto


export interface WatchStatusRequest {
}

export interface WatchStatusRequest__Output {
}
