// Original file: pomona/v1/cluster.proto


/**
 * Seconds that a replica would have cost.
 */
export interface CandidateCost {
  'nodeId'?: (string);
  'replicaId'?: (string);
  'hasIdleSlot'?: (boolean);
  'isChosen'?: (boolean);
  /**
   * Until a slot was free.
   */
  'wait'?: (number | string);
  /**
   * To evaluate the prompt, and to bring back what was held of it.
   */
  'prefill'?: (number | string);
  /**
   * To generate the answer.
   */
  'decode'?: (number | string);
  /**
   * What others that ran there would have lost.
   */
  'delay'?: (number | string);
  /**
   * wait + prefill + weighted decode and delay: the lowest wins.
   */
  'score'?: (number | string);
  /**
   * Prompt tokens that were expected to be reused, from a slot, a copy, ram, disk or
   * peer (a state that another node has saved).
   */
  'cachedTokens'?: (number);
  'cachedIn'?: (string);
}

/**
 * Seconds that a replica would have cost.
 */
export interface CandidateCost__Output {
  'nodeId': (string);
  'replicaId': (string);
  'hasIdleSlot': (boolean);
  'isChosen': (boolean);
  /**
   * Until a slot was free.
   */
  'wait': (number);
  /**
   * To evaluate the prompt, and to bring back what was held of it.
   */
  'prefill': (number);
  /**
   * To generate the answer.
   */
  'decode': (number);
  /**
   * What others that ran there would have lost.
   */
  'delay': (number);
  /**
   * wait + prefill + weighted decode and delay: the lowest wins.
   */
  'score': (number);
  /**
   * Prompt tokens that were expected to be reused, from a slot, a copy, ram, disk or
   * peer (a state that another node has saved).
   */
  'cachedTokens': (number);
  'cachedIn': (string);
}
