// Original file: pomona/v1/node.proto

import type { Long } from '@grpc/proto-loader';

export interface NodeCapacity {
  /**
   * Unified memory of the machine.
   */
  'memoryBytes'?: (number | string | Long);
  /**
   * What models may use.
   */
  'budgetBytes'?: (number | string | Long);
  /**
   * What of the budget no replica has reserved.
   */
  'freeBytes'?: (number | string | Long);
  'chip'?: (string);
  /**
   * metal or cpu.
   */
  'gpu'?: (string);
  'cpuCores'?: (number);
  /**
   * Of the disk that holds the store.
   */
  'diskBytes'?: (number | string | Long);
  'diskFreeBytes'?: (number | string | Long);
  /**
   * What estimates are multiplied by, because replicas here were larger than estimated; 1 for nothing.
   */
  'memoryCorrection'?: (number | string);
  /**
   * normal, warning or critical; empty when unknown.
   */
  'memoryPressure'?: (string);
  /**
   * active or away; empty when unknown, or when the node does not make way for its owner.
   */
  'ownerState'?: (string);
}

export interface NodeCapacity__Output {
  /**
   * Unified memory of the machine.
   */
  'memoryBytes': (number);
  /**
   * What models may use.
   */
  'budgetBytes': (number);
  /**
   * What of the budget no replica has reserved.
   */
  'freeBytes': (number);
  'chip': (string);
  /**
   * metal or cpu.
   */
  'gpu': (string);
  'cpuCores': (number);
  /**
   * Of the disk that holds the store.
   */
  'diskBytes': (number);
  'diskFreeBytes': (number);
  /**
   * What estimates are multiplied by, because replicas here were larger than estimated; 1 for nothing.
   */
  'memoryCorrection': (number);
  /**
   * normal, warning or critical; empty when unknown.
   */
  'memoryPressure': (string);
  /**
   * active or away; empty when unknown, or when the node does not make way for its owner.
   */
  'ownerState': (string);
}
