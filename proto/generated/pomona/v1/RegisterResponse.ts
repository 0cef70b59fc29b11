// Original file: pomona/v1/cluster.proto


export interface RegisterResponse {
  /**
   * [a-z0-9-]{1,32}
   */
  'cluster'?: (string);
  'natsUrls'?: (string)[];
  /**
   * host:port of every coordinator's gRPC service.
   */
  'coordinators'?: (string)[];
}

export interface RegisterResponse__Output {
  /**
   * [a-z0-9-]{1,32}
   */
  'cluster': (string);
  'natsUrls': (string)[];
  /**
   * host:port of every coordinator's gRPC service.
   */
  'coordinators': (string)[];
}
