// Original file: pomona/v1/node.proto

import type { NodeState as _pomona_v1_NodeState, NodeState__Output as _pomona_v1_NodeState__Output } from '../../pomona/v1/NodeState.ts';
import type { NodeCapacity as _pomona_v1_NodeCapacity, NodeCapacity__Output as _pomona_v1_NodeCapacity__Output } from '../../pomona/v1/NodeCapacity.ts';
import type { ReplicaStatus as _pomona_v1_ReplicaStatus, ReplicaStatus__Output as _pomona_v1_ReplicaStatus__Output } from '../../pomona/v1/ReplicaStatus.ts';
import type { ThermalState as _pomona_v1_ThermalState, ThermalState__Output as _pomona_v1_ThermalState__Output } from '../../pomona/v1/ThermalState.ts';
import type { PowerStatus as _pomona_v1_PowerStatus, PowerStatus__Output as _pomona_v1_PowerStatus__Output } from '../../pomona/v1/PowerStatus.ts';
import type { StoredFile as _pomona_v1_StoredFile, StoredFile__Output as _pomona_v1_StoredFile__Output } from '../../pomona/v1/StoredFile.ts';
import type { RunningAttempt as _pomona_v1_RunningAttempt, RunningAttempt__Output as _pomona_v1_RunningAttempt__Output } from '../../pomona/v1/RunningAttempt.ts';
import type { PeerLine as _pomona_v1_PeerLine, PeerLine__Output as _pomona_v1_PeerLine__Output } from '../../pomona/v1/PeerLine.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A node's sign of life: published on pomona.<cluster>.node.<id>.heartbeat and streamed by WatchStatus.
 */
export interface NodeStatus {
  /**
   * 32 hex digits.
   */
  'nodeId'?: (string);
  /**
   * Counts the starts of this node-agent.
   */
  'incarnation'?: (number | string | Long);
  /**
   * Counts the heartbeats of this incarnation.
   */
  'sequence'?: (number | string | Long);
  'state'?: (_pomona_v1_NodeState);
  /**
   * host:port of the Node service; the host may be empty (take the sender's).
   */
  'grpcAddress'?: (string);
  'capacity'?: (_pomona_v1_NodeCapacity | null);
  'replicas'?: (_pomona_v1_ReplicaStatus)[];
  'thermalState'?: (_pomona_v1_ThermalState);
  'power'?: (_pomona_v1_PowerStatus | null);
  /**
   * Version of the node-agent.
   */
  'version'?: (string);
  /**
   * How often this status comes.
   */
  'heartbeatIntervalMs'?: (number);
  'hostname'?: (string);
  /**
   * Files of the store, and those that replicas use where they lie.
   */
  'files'?: (_pomona_v1_StoredFile)[];
  /**
   * Attempts that have ended and can still be attached: nobody has read them to the end. They hold no slot, and their
   * replica may have gone.
   */
  'endedAttempts'?: (_pomona_v1_RunningAttempt)[];
  /**
   * How fast other nodes were when they sent something, as far as that is known.
   */
  'lines'?: (_pomona_v1_PeerLine)[];
}

/**
 * A node's sign of life: published on pomona.<cluster>.node.<id>.heartbeat and streamed by WatchStatus.
 */
export interface NodeStatus__Output {
  /**
   * 32 hex digits.
   */
  'nodeId': (string);
  /**
   * Counts the starts of this node-agent.
   */
  'incarnation': (number);
  /**
   * Counts the heartbeats of this incarnation.
   */
  'sequence': (number);
  'state': (_pomona_v1_NodeState__Output);
  /**
   * host:port of the Node service; the host may be empty (take the sender's).
   */
  'grpcAddress': (string);
  'capacity': (_pomona_v1_NodeCapacity__Output | null);
  'replicas': (_pomona_v1_ReplicaStatus__Output)[];
  'thermalState': (_pomona_v1_ThermalState__Output);
  'power': (_pomona_v1_PowerStatus__Output | null);
  /**
   * Version of the node-agent.
   */
  'version': (string);
  /**
   * How often this status comes.
   */
  'heartbeatIntervalMs': (number);
  'hostname': (string);
  /**
   * Files of the store, and those that replicas use where they lie.
   */
  'files': (_pomona_v1_StoredFile__Output)[];
  /**
   * Attempts that have ended and can still be attached: nobody has read them to the end. They hold no slot, and their
   * replica may have gone.
   */
  'endedAttempts': (_pomona_v1_RunningAttempt__Output)[];
  /**
   * How fast other nodes were when they sent something, as far as that is known.
   */
  'lines': (_pomona_v1_PeerLine__Output)[];
}
