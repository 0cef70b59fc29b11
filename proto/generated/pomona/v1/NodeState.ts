// Original file: pomona/v1/node.proto

export const NodeState = {
  NODE_STATE_UNSPECIFIED: 'NODE_STATE_UNSPECIFIED',
  NODE_STATE_SERVING: 'NODE_STATE_SERVING',
  /**
   * Takes no new work.
   */
  NODE_STATE_DRAINING: 'NODE_STATE_DRAINING',
} as const;

export type NodeState =
  | 'NODE_STATE_UNSPECIFIED'
  | 0
  | 'NODE_STATE_SERVING'
  | 1
  /**
   * Takes no new work.
   */
  | 'NODE_STATE_DRAINING'
  | 2

export type NodeState__Output = typeof NodeState[keyof typeof NodeState]
