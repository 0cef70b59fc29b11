// Original file: pomona/v1/node.proto


/**
 * Not a map: the reflection service describes map entries by names that clients refuse, and with them the whole package.
 */
export interface MetricLabel {
  'name'?: (string);
  'value'?: (string);
}

/**
 * Not a map: the reflection service describes map entries by names that clients refuse, and with them the whole package.
 */
export interface MetricLabel__Output {
  'name': (string);
  'value': (string);
}
