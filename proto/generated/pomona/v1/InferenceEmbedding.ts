// Original file: pomona/v1/inference.proto


export interface InferenceEmbedding {
  'values'?: (number | string)[];
}

export interface InferenceEmbedding__Output {
  'values': (number)[];
}
