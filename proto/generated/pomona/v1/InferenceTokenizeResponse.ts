// Original file: pomona/v1/inference.proto


export interface InferenceTokenizeResponse {
  'tokenIds'?: (number)[];
}

export interface InferenceTokenizeResponse__Output {
  'tokenIds': (number)[];
}
