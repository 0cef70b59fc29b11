// Original file: pomona/v1/node.proto

export const ThermalState = {
  THERMAL_STATE_UNSPECIFIED: 'THERMAL_STATE_UNSPECIFIED',
  THERMAL_STATE_NOMINAL: 'THERMAL_STATE_NOMINAL',
  THERMAL_STATE_FAIR: 'THERMAL_STATE_FAIR',
  THERMAL_STATE_SERIOUS: 'THERMAL_STATE_SERIOUS',
  THERMAL_STATE_CRITICAL: 'THERMAL_STATE_CRITICAL',
} as const;

export type ThermalState =
  | 'THERMAL_STATE_UNSPECIFIED'
  | 0
  | 'THERMAL_STATE_NOMINAL'
  | 1
  | 'THERMAL_STATE_FAIR'
  | 2
  | 'THERMAL_STATE_SERIOUS'
  | 3
  | 'THERMAL_STATE_CRITICAL'
  | 4

export type ThermalState__Output = typeof ThermalState[keyof typeof ThermalState]
