// Original file: pomona/v1/node.proto

import type { PowerSource as _pomona_v1_PowerSource, PowerSource__Output as _pomona_v1_PowerSource__Output } from '../../pomona/v1/PowerSource.ts';

export interface PowerStatus {
  'source'?: (_pomona_v1_PowerSource);
  /**
   * 0 when unknown.
   */
  'watts'?: (number | string);
}

export interface PowerStatus__Output {
  'source': (_pomona_v1_PowerSource__Output);
  /**
   * 0 when unknown.
   */
  'watts': (number);
}
