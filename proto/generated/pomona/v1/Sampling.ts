// Original file: pomona/v1/generation.proto

import type { LogitBias as _pomona_v1_LogitBias, LogitBias__Output as _pomona_v1_LogitBias__Output } from '../../pomona/v1/LogitBias.ts';
import type { DrySampling as _pomona_v1_DrySampling, DrySampling__Output as _pomona_v1_DrySampling__Output } from '../../pomona/v1/DrySampling.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * How the next token is drawn. The draw at position t depends only on (seed, t, logits), so that a
 * generation continued elsewhere from the same token ids goes on exactly.
 */
export interface Sampling {
  /**
   * 0 (the default) is greedy: the most likely token, no draw.
   */
  'temperature'?: (number | string);
  /**
   * Keep the K most likely tokens; 0 keeps all.
   */
  'topK'?: (number);
  /**
   * Keep the smallest set of tokens whose probabilities sum to P; 0 and 1 keep all.
   */
  'topP'?: (number | string);
  /**
   * Drop tokens less likely than this share of the most likely one; 0 drops none.
   */
  'minP'?: (number | string);
  /**
   * An integer from 0 to 2^53-1. The coordinator always sets one, a random one if the client gave none.
   */
  'seed'?: (number | string | Long);
  /**
   * Divides the logits of the tokens of the penalty window; 0 and 1 do nothing.
   */
  'repeatPenalty'?: (number | string);
  'presencePenalty'?: (number | string);
  'frequencyPenalty'?: (number | string);
  /**
   * Added to the logits of single tokens.
   */
  'logitBias'?: (_pomona_v1_LogitBias)[];
  /**
   * Unset is off.
   */
  'dry'?: (_pomona_v1_DrySampling | null);
  /**
   * Generated tokens that the penalties look back on; 0 means 64.
   */
  'penaltyLastTokens'?: (number);
  /**
   * Keep the tokens that are about as surprising as is expected, until their probabilities sum to this; 0 and 1 keep all.
   */
  'typicalP'?: (number | string);
}

/**
 * How the next token is drawn. The draw at position t depends only on (seed, t, logits), so that a
 * generation continued elsewhere from the same token ids goes on exactly.
 */
export interface Sampling__Output {
  /**
   * 0 (the default) is greedy: the most likely token, no draw.
   */
  'temperature': (number);
  /**
   * Keep the K most likely tokens; 0 keeps all.
   */
  'topK': (number);
  /**
   * Keep the smallest set of tokens whose probabilities sum to P; 0 and 1 keep all.
   */
  'topP': (number);
  /**
   * Drop tokens less likely than this share of the most likely one; 0 drops none.
   */
  'minP': (number);
  /**
   * An integer from 0 to 2^53-1. The coordinator always sets one, a random one if the client gave none.
   */
  'seed': (number);
  /**
   * Divides the logits of the tokens of the penalty window; 0 and 1 do nothing.
   */
  'repeatPenalty': (number);
  'presencePenalty': (number);
  'frequencyPenalty': (number);
  /**
   * Added to the logits of single tokens.
   */
  'logitBias': (_pomona_v1_LogitBias__Output)[];
  /**
   * Unset is off.
   */
  'dry': (_pomona_v1_DrySampling__Output | null);
  /**
   * Generated tokens that the penalties look back on; 0 means 64.
   */
  'penaltyLastTokens': (number);
  /**
   * Keep the tokens that are about as surprising as is expected, until their probabilities sum to this; 0 and 1 keep all.
   */
  'typicalP': (number);
}
