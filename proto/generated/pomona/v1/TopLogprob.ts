// Original file: pomona/v1/generation.proto


export interface TopLogprob {
  'id'?: (number);
  'text'?: (Buffer | Uint8Array | string);
  'logprob'?: (number | string);
}

export interface TopLogprob__Output {
  'id': (number);
  'text': (Buffer);
  'logprob': (number);
}
