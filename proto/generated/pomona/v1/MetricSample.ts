// Original file: pomona/v1/node.proto


export interface MetricSample {
  /**
   * Differs from the family's name for the parts of a histogram (_bucket, _sum, _count).
   */
  'name'?: (string);
  'labels'?: ({[key: string]: string});
  'value'?: (number | string);
}

export interface MetricSample__Output {
  /**
   * Differs from the family's name for the parts of a histogram (_bucket, _sum, _count).
   */
  'name': (string);
  'labels': ({[key: string]: string});
  'value': (number);
}
