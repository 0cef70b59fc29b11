import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from './pomona/v1/Chat.ts';
import type { ChatMessage as _pomona_v1_ChatMessage, ChatMessage__Output as _pomona_v1_ChatMessage__Output } from './pomona/v1/ChatMessage.ts';
import type { DrySampling as _pomona_v1_DrySampling, DrySampling__Output as _pomona_v1_DrySampling__Output } from './pomona/v1/DrySampling.ts';
import type { Ending as _pomona_v1_Ending, Ending__Output as _pomona_v1_Ending__Output } from './pomona/v1/Ending.ts';
import type { ErrorDetail as _pomona_v1_ErrorDetail, ErrorDetail__Output as _pomona_v1_ErrorDetail__Output } from './pomona/v1/ErrorDetail.ts';
import type { Infill as _pomona_v1_Infill, Infill__Output as _pomona_v1_Infill__Output } from './pomona/v1/Infill.ts';
import type { LogitBias as _pomona_v1_LogitBias, LogitBias__Output as _pomona_v1_LogitBias__Output } from './pomona/v1/LogitBias.ts';
import type { PrefillProgress as _pomona_v1_PrefillProgress, PrefillProgress__Output as _pomona_v1_PrefillProgress__Output } from './pomona/v1/PrefillProgress.ts';
import type { PromptLogprobs as _pomona_v1_PromptLogprobs, PromptLogprobs__Output as _pomona_v1_PromptLogprobs__Output } from './pomona/v1/PromptLogprobs.ts';
import type { QueueOutlook as _pomona_v1_QueueOutlook, QueueOutlook__Output as _pomona_v1_QueueOutlook__Output } from './pomona/v1/QueueOutlook.ts';
import type { Sampling as _pomona_v1_Sampling, Sampling__Output as _pomona_v1_Sampling__Output } from './pomona/v1/Sampling.ts';
import type { Timings as _pomona_v1_Timings, Timings__Output as _pomona_v1_Timings__Output } from './pomona/v1/Timings.ts';
import type { TokenChunk as _pomona_v1_TokenChunk, TokenChunk__Output as _pomona_v1_TokenChunk__Output } from './pomona/v1/TokenChunk.ts';
import type { TokenLogprobs as _pomona_v1_TokenLogprobs, TokenLogprobs__Output as _pomona_v1_TokenLogprobs__Output } from './pomona/v1/TokenLogprobs.ts';
import type { ToolCall as _pomona_v1_ToolCall, ToolCall__Output as _pomona_v1_ToolCall__Output } from './pomona/v1/ToolCall.ts';
import type { ToolDefinition as _pomona_v1_ToolDefinition, ToolDefinition__Output as _pomona_v1_ToolDefinition__Output } from './pomona/v1/ToolDefinition.ts';
import type { TopLogprob as _pomona_v1_TopLogprob, TopLogprob__Output as _pomona_v1_TopLogprob__Output } from './pomona/v1/TopLogprob.ts';
import type { Usage as _pomona_v1_Usage, Usage__Output as _pomona_v1_Usage__Output } from './pomona/v1/Usage.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  pomona: {
    v1: {
      Chat: MessageTypeDefinition<_pomona_v1_Chat, _pomona_v1_Chat__Output>
      ChatMessage: MessageTypeDefinition<_pomona_v1_ChatMessage, _pomona_v1_ChatMessage__Output>
      DrySampling: MessageTypeDefinition<_pomona_v1_DrySampling, _pomona_v1_DrySampling__Output>
      Ending: MessageTypeDefinition<_pomona_v1_Ending, _pomona_v1_Ending__Output>
      ErrorDetail: MessageTypeDefinition<_pomona_v1_ErrorDetail, _pomona_v1_ErrorDetail__Output>
      FinishReason: EnumTypeDefinition
      Infill: MessageTypeDefinition<_pomona_v1_Infill, _pomona_v1_Infill__Output>
      LogitBias: MessageTypeDefinition<_pomona_v1_LogitBias, _pomona_v1_LogitBias__Output>
      PrefillProgress: MessageTypeDefinition<_pomona_v1_PrefillProgress, _pomona_v1_PrefillProgress__Output>
      PromptLogprobs: MessageTypeDefinition<_pomona_v1_PromptLogprobs, _pomona_v1_PromptLogprobs__Output>
      QueueOutlook: MessageTypeDefinition<_pomona_v1_QueueOutlook, _pomona_v1_QueueOutlook__Output>
      Sampling: MessageTypeDefinition<_pomona_v1_Sampling, _pomona_v1_Sampling__Output>
      Timings: MessageTypeDefinition<_pomona_v1_Timings, _pomona_v1_Timings__Output>
      TokenChunk: MessageTypeDefinition<_pomona_v1_TokenChunk, _pomona_v1_TokenChunk__Output>
      TokenLogprobs: MessageTypeDefinition<_pomona_v1_TokenLogprobs, _pomona_v1_TokenLogprobs__Output>
      ToolCall: MessageTypeDefinition<_pomona_v1_ToolCall, _pomona_v1_ToolCall__Output>
      ToolDefinition: MessageTypeDefinition<_pomona_v1_ToolDefinition, _pomona_v1_ToolDefinition__Output>
      TopLogprob: MessageTypeDefinition<_pomona_v1_TopLogprob, _pomona_v1_TopLogprob__Output>
      Usage: MessageTypeDefinition<_pomona_v1_Usage, _pomona_v1_Usage__Output>
    }
  }
}

