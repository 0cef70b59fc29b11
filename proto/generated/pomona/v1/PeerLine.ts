// Original file: pomona/v1/node.proto


export interface PeerLine {
  /**
   * host:port of its Node service, as the coordinator named it.
   */
  'address'?: (string);
  'bytesPerSecond'?: (number | string);
}

export interface PeerLine__Output {
  /**
   * host:port of its Node service, as the coordinator named it.
   */
  'address': (string);
  'bytesPerSecond': (number);
}
