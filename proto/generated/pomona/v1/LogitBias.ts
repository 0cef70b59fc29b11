// Original file: pomona/v1/generation.proto


export interface LogitBias {
  'tokenId'?: (number);
  'bias'?: (number | string);
}

export interface LogitBias__Output {
  'tokenId': (number);
  'bias': (number);
}
