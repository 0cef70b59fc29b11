// Original file: pomona/v1/inference.proto

import type { ModelSummary as _pomona_v1_ModelSummary, ModelSummary__Output as _pomona_v1_ModelSummary__Output } from '../../pomona/v1/ModelSummary.ts';

export interface ListModelsResponse {
  'models'?: (_pomona_v1_ModelSummary)[];
}

export interface ListModelsResponse__Output {
  'models': (_pomona_v1_ModelSummary__Output)[];
}
