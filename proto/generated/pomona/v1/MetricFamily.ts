// Original file: pomona/v1/node.proto

import type { MetricSample as _pomona_v1_MetricSample, MetricSample__Output as _pomona_v1_MetricSample__Output } from '../../pomona/v1/MetricSample.ts';

export interface MetricFamily {
  'name'?: (string);
  'help'?: (string);
  /**
   * counter, gauge, histogram or summary.
   */
  'type'?: (string);
  'samples'?: (_pomona_v1_MetricSample)[];
}

export interface MetricFamily__Output {
  'name': (string);
  'help': (string);
  /**
   * counter, gauge, histogram or summary.
   */
  'type': (string);
  'samples': (_pomona_v1_MetricSample__Output)[];
}
