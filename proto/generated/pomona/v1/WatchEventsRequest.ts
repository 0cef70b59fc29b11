// Original file: pomona/v1/cluster.proto


export interface WatchEventsRequest {
}

export interface WatchEventsRequest__Output {
}
