// Original file: pomona/v1/generation.proto


export interface Timings {
  'queueMs'?: (number | string);
  'prefillMs'?: (number | string);
  'decodeMs'?: (number | string);
}

export interface Timings__Output {
  'queueMs': (number);
  'prefillMs': (number);
  'decodeMs': (number);
}
