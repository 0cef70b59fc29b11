// Original file: pomona/v1/node.proto


export interface EmbedInput {
  'tokenIds'?: (number)[];
}

export interface EmbedInput__Output {
  'tokenIds': (number)[];
}
