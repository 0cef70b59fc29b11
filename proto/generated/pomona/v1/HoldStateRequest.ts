// Original file: pomona/v1/node.proto


export interface HoldStateRequest {
  'requestId'?: (string);
  'epoch'?: (number);
  /**
   * The replica here that would go on with it.
   */
  'replicaId'?: (string);
  /**
   * host:port of the Node service where it runs.
   */
  'peer'?: (string);
  /**
   * Milliseconds until it has to be here.
   */
  'timeoutMs'?: (number);
}

export interface HoldStateRequest__Output {
  'requestId': (string);
  'epoch': (number);
  /**
   * The replica here that would go on with it.
   */
  'replicaId': (string);
  /**
   * host:port of the Node service where it runs.
   */
  'peer': (string);
  /**
   * Milliseconds until it has to be here.
   */
  'timeoutMs': (number);
}
