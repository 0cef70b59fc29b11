// Original file: pomona/v1/node.proto

import type { MetricLabel as _pomona_v1_MetricLabel, MetricLabel__Output as _pomona_v1_MetricLabel__Output } from '../../pomona/v1/MetricLabel.ts';

export interface MetricSample {
  /**
   * Differs from the family's name for the parts of a histogram (_bucket, _sum, _count).
   */
  'name'?: (string);
  'labels'?: (_pomona_v1_MetricLabel)[];
  'value'?: (number | string);
}

export interface MetricSample__Output {
  /**
   * Differs from the family's name for the parts of a histogram (_bucket, _sum, _count).
   */
  'name': (string);
  'labels': (_pomona_v1_MetricLabel__Output)[];
  'value': (number);
}
