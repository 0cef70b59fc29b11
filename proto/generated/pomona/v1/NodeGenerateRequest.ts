// Original file: pomona/v1/node.proto

import type { Sampling as _pomona_v1_Sampling, Sampling__Output as _pomona_v1_Sampling__Output } from '../../pomona/v1/Sampling.ts';

export interface NodeGenerateRequest {
  /**
   * 32 hex digits, made by the coordinator.
   */
  'requestId'?: (string);
  /**
   * Counts the attempts of a request from 1; frames of an older epoch are ignored.
   */
  'epoch'?: (number);
  'replicaId'?: (string);
  'promptTokenIds'?: (number)[];
  /**
   * How the prompt came into the slot the first time (cached_chunk_lengths, then the prefill chunks);
   * empty on the first attempt. Logits move with the shape of a batch, so a resume keeps it.
   */
  'promptChunkLengths'?: (number)[];
  /**
   * Tokens that earlier epochs already sent. The first token of this attempt has the next index.
   */
  'emittedTokenIds'?: (number)[];
  'sampling'?: (_pomona_v1_Sampling | null);
  /**
   * Generated tokens in all, emitted ones included; at least 1.
   */
  'maxTokens'?: (number);
  /**
   * End the generation in addition to the model's own end-of-generation tokens.
   */
  'stopTokenIds'?: (number)[];
  /**
   * GBNF with a rule "root" that the whole answer has to match; empty is free.
   */
  'grammar'?: (string);
  'hasLogprobs'?: (boolean);
  /**
   * Most likely tokens that are told with each token, when has_logprobs is set; 20 at most.
   */
  'topLogprobs'?: (number);
  /**
   * Whose prompts may share what a slot or a saved state holds; empty is the pool's own.
   */
  'cacheScope'?: (string);
  /**
   * Tokens at the beginning of the prompt that prompts of others, who say the same of theirs, may reuse.
   */
  'sharedPromptTokens'?: (number);
  /**
   * Milliseconds for which the attempt goes on, and its frames are kept, when nobody reads it any more; 60,000 at most,
   * 0 ends it at once.
   */
  'orphanMs'?: (number);
  /**
   * What a coordinator that takes the request up has to know of it beside all this. Nobody else reads it; 64 KiB at most.
   */
  'takeover'?: (Buffer | Uint8Array | string);
  /**
   * Those of the prompt's tokens are told too, before the first token; only with has_logprobs.
   */
  'hasPromptLogprobs'?: (boolean);
}

export interface NodeGenerateRequest__Output {
  /**
   * 32 hex digits, made by the coordinator.
   */
  'requestId': (string);
  /**
   * Counts the attempts of a request from 1; frames of an older epoch are ignored.
   */
  'epoch': (number);
  'replicaId': (string);
  'promptTokenIds': (number)[];
  /**
   * How the prompt came into the slot the first time (cached_chunk_lengths, then the prefill chunks);
   * empty on the first attempt. Logits move with the shape of a batch, so a resume keeps it.
   */
  'promptChunkLengths': (number)[];
  /**
   * Tokens that earlier epochs already sent. The first token of this attempt has the next index.
   */
  'emittedTokenIds': (number)[];
  'sampling': (_pomona_v1_Sampling__Output | null);
  /**
   * Generated tokens in all, emitted ones included; at least 1.
   */
  'maxTokens': (number);
  /**
   * End the generation in addition to the model's own end-of-generation tokens.
   */
  'stopTokenIds': (number)[];
  /**
   * GBNF with a rule "root" that the whole answer has to match; empty is free.
   */
  'grammar': (string);
  'hasLogprobs': (boolean);
  /**
   * Most likely tokens that are told with each token, when has_logprobs is set; 20 at most.
   */
  'topLogprobs': (number);
  /**
   * Whose prompts may share what a slot or a saved state holds; empty is the pool's own.
   */
  'cacheScope': (string);
  /**
   * Tokens at the beginning of the prompt that prompts of others, who say the same of theirs, may reuse.
   */
  'sharedPromptTokens': (number);
  /**
   * Milliseconds for which the attempt goes on, and its frames are kept, when nobody reads it any more; 60,000 at most,
   * 0 ends it at once.
   */
  'orphanMs': (number);
  /**
   * What a coordinator that takes the request up has to know of it beside all this. Nobody else reads it; 64 KiB at most.
   */
  'takeover': (Buffer);
  /**
   * Those of the prompt's tokens are told too, before the first token; only with has_logprobs.
   */
  'hasPromptLogprobs': (boolean);
}
