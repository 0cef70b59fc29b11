// Original file: pomona/v1/node.proto


/**
 * How fast a replica is: see SpeedProfile in shared/core/speed-profile.ts.
 */
export interface ReplicaSpeed {
  'prefillTokensPerSecond'?: (number | string);
  'contextSlowdownTokens'?: (number | string);
  'decodeTokensPerSecond'?: (number | string);
  'slotSlowdown'?: (number | string);
  'kvBytesPerToken'?: (number | string);
  'memoryBytesPerSecond'?: (number | string);
  'restoreBytesPerSecond'?: (number | string);
  'loadBytesPerSecond'?: (number | string);
}

/**
 * How fast a replica is: see SpeedProfile in shared/core/speed-profile.ts.
 */
export interface ReplicaSpeed__Output {
  'prefillTokensPerSecond': (number);
  'contextSlowdownTokens': (number);
  'decodeTokensPerSecond': (number);
  'slotSlowdown': (number);
  'kvBytesPerToken': (number);
  'memoryBytesPerSecond': (number);
  'restoreBytesPerSecond': (number);
  'loadBytesPerSecond': (number);
}
