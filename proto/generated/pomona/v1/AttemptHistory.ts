// Original file: pomona/v1/cluster.proto

import type { CandidateCost as _pomona_v1_CandidateCost, CandidateCost__Output as _pomona_v1_CandidateCost__Output } from '../../pomona/v1/CandidateCost.ts';

/**
 * One attempt of a request on a node.
 */
export interface AttemptHistory {
  'epoch'?: (number);
  'nodeId'?: (string);
  'queueMs'?: (number | string);
  /**
   * From the binding to the first token: as predicted, and as it was; unset until it came.
   */
  'predictedFirstTokenMs'?: (number | string);
  'firstTokenMs'?: (number | string);
  /**
   * Prompt tokens that the node reused; unset until it said so.
   */
  'cachedTokens'?: (number);
  /**
   * Why it went on elsewhere; empty when it did not.
   */
  'movedFor'?: (string);
  /**
   * Tokens that the answer was expected to have.
   */
  'expectedTokens'?: (number | string);
  /**
   * What each replica would have cost, cheapest first; none when the request was in quarantine.
   */
  'candidates'?: (_pomona_v1_CandidateCost)[];
  /**
   * Whether a state that another node had saved was used: restored, or failed; empty where there was none.
   */
  'checkpoint'?: (string);
  /**
   * The node that holds the state of this attempt, or last did; empty for none.
   */
  'checkpointNodeId'?: (string);
  '_predictedFirstTokenMs'?: "predictedFirstTokenMs";
  '_firstTokenMs'?: "firstTokenMs";
  '_cachedTokens'?: "cachedTokens";
}

/**
 * One attempt of a request on a node.
 */
export interface AttemptHistory__Output {
  'epoch': (number);
  'nodeId': (string);
  'queueMs': (number);
  /**
   * From the binding to the first token: as predicted, and as it was; unset until it came.
   */
  'predictedFirstTokenMs'?: (number);
  'firstTokenMs'?: (number);
  /**
   * Prompt tokens that the node reused; unset until it said so.
   */
  'cachedTokens'?: (number);
  /**
   * Why it went on elsewhere; empty when it did not.
   */
  'movedFor': (string);
  /**
   * Tokens that the answer was expected to have.
   */
  'expectedTokens': (number);
  /**
   * What each replica would have cost, cheapest first; none when the request was in quarantine.
   */
  'candidates': (_pomona_v1_CandidateCost__Output)[];
  /**
   * Whether a state that another node had saved was used: restored, or failed; empty where there was none.
   */
  'checkpoint': (string);
  /**
   * The node that holds the state of this attempt, or last did; empty for none.
   */
  'checkpointNodeId': (string);
  '_predictedFirstTokenMs'?: "predictedFirstTokenMs";
  '_firstTokenMs'?: "firstTokenMs";
  '_cachedTokens'?: "cachedTokens";
}
