// Original file: pomona/v1/node.proto

import type { MetricFamily as _pomona_v1_MetricFamily, MetricFamily__Output as _pomona_v1_MetricFamily__Output } from '../../pomona/v1/MetricFamily.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * A node's metrics registry: published on pomona.<cluster>.node.<id>.metrics.
 */
export interface MetricsReport {
  'nodeId'?: (string);
  'incarnation'?: (number | string | Long);
  'families'?: (_pomona_v1_MetricFamily)[];
}

/**
 * A node's metrics registry: published on pomona.<cluster>.node.<id>.metrics.
 */
export interface MetricsReport__Output {
  'nodeId': (string);
  'incarnation': (number);
  'families': (_pomona_v1_MetricFamily__Output)[];
}
