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
}
