// Original file: pomona/v1/node.proto

export const PowerSource = {
  POWER_SOURCE_UNSPECIFIED: 'POWER_SOURCE_UNSPECIFIED',
  POWER_SOURCE_MAINS: 'POWER_SOURCE_MAINS',
  POWER_SOURCE_BATTERY: 'POWER_SOURCE_BATTERY',
} as const;

export type PowerSource =
  | 'POWER_SOURCE_UNSPECIFIED'
  | 0
  | 'POWER_SOURCE_MAINS'
  | 1
  | 'POWER_SOURCE_BATTERY'
  | 2

export type PowerSource__Output = typeof PowerSource[keyof typeof PowerSource]
