// Original file: pomona/v1/node.proto

import type { ReplicaState as _pomona_v1_ReplicaState, ReplicaState__Output as _pomona_v1_ReplicaState__Output } from '../../pomona/v1/ReplicaState.ts';
import type { RunningAttempt as _pomona_v1_RunningAttempt, RunningAttempt__Output as _pomona_v1_RunningAttempt__Output } from '../../pomona/v1/RunningAttempt.ts';
import type { ReplicaMemory as _pomona_v1_ReplicaMemory, ReplicaMemory__Output as _pomona_v1_ReplicaMemory__Output } from '../../pomona/v1/ReplicaMemory.ts';
import type { ErrorDetail as _pomona_v1_ErrorDetail, ErrorDetail__Output as _pomona_v1_ErrorDetail__Output } from '../../pomona/v1/ErrorDetail.ts';
import type { HeldPrefix as _pomona_v1_HeldPrefix, HeldPrefix__Output as _pomona_v1_HeldPrefix__Output } from '../../pomona/v1/HeldPrefix.ts';
import type { ReplicaSpeed as _pomona_v1_ReplicaSpeed, ReplicaSpeed__Output as _pomona_v1_ReplicaSpeed__Output } from '../../pomona/v1/ReplicaSpeed.ts';

export interface ReplicaStatus {
  'replicaId'?: (string);
  'model'?: (string);
  'state'?: (_pomona_v1_ReplicaState);
  'slots'?: (number);
  /**
   * Attempts that hold a slot now.
   */
  'running'?: (_pomona_v1_RunningAttempt)[];
  /**
   * Tokens of context per slot.
   */
  'contextLength'?: (number);
  /**
   * What is reserved for it.
   */
  'memory'?: (_pomona_v1_ReplicaMemory | null);
  /**
   * Why it failed, or why its engine died when it is LOADING again.
   */
  'error'?: (_pomona_v1_ErrorDetail | null);
  'loadMs'?: (number | string);
  /**
   * Process id of its engine worker; 0 when there is none.
   */
  'pid'?: (number);
  /**
   * Sequences whose KV it holds, those of at least one block.
   */
  'held'?: (_pomona_v1_HeldPrefix)[];
  /**
   * SHA-256 of the model's file, 64 hex digits; empty while unknown.
   */
  'digest'?: (string);
  /**
   * What its steps have shown; unset until something was measured.
   */
  'speed'?: (_pomona_v1_ReplicaSpeed | null);
  /**
   * Of the specification that it was loaded with.
   */
  'revision'?: (string);
}

export interface ReplicaStatus__Output {
  'replicaId': (string);
  'model': (string);
  'state': (_pomona_v1_ReplicaState__Output);
  'slots': (number);
  /**
   * Attempts that hold a slot now.
   */
  'running': (_pomona_v1_RunningAttempt__Output)[];
  /**
   * Tokens of context per slot.
   */
  'contextLength': (number);
  /**
   * What is reserved for it.
   */
  'memory': (_pomona_v1_ReplicaMemory__Output | null);
  /**
   * Why it failed, or why its engine died when it is LOADING again.
   */
  'error': (_pomona_v1_ErrorDetail__Output | null);
  'loadMs': (number);
  /**
   * Process id of its engine worker; 0 when there is none.
   */
  'pid': (number);
  /**
   * Sequences whose KV it holds, those of at least one block.
   */
  'held': (_pomona_v1_HeldPrefix__Output)[];
  /**
   * SHA-256 of the model's file, 64 hex digits; empty while unknown.
   */
  'digest': (string);
  /**
   * What its steps have shown; unset until something was measured.
   */
  'speed': (_pomona_v1_ReplicaSpeed__Output | null);
  /**
   * Of the specification that it was loaded with.
   */
  'revision': (string);
}
