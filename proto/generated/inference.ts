import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Bound as _pomona_v1_Bound, Bound__Output as _pomona_v1_Bound__Output } from './pomona/v1/Bound.ts';
import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from './pomona/v1/Chat.ts';
import type { ChatMessage as _pomona_v1_ChatMessage, ChatMessage__Output as _pomona_v1_ChatMessage__Output } from './pomona/v1/ChatMessage.ts';
import type { DrySampling as _pomona_v1_DrySampling, DrySampling__Output as _pomona_v1_DrySampling__Output } from './pomona/v1/DrySampling.ts';
import type { Ending as _pomona_v1_Ending, Ending__Output as _pomona_v1_Ending__Output } from './pomona/v1/Ending.ts';
import type { ErrorDetail as _pomona_v1_ErrorDetail, ErrorDetail__Output as _pomona_v1_ErrorDetail__Output } from './pomona/v1/ErrorDetail.ts';
import type { InferenceClient as _pomona_v1_InferenceClient, InferenceDefinition as _pomona_v1_InferenceDefinition } from './pomona/v1/Inference.ts';
import type { InferenceAttachRequest as _pomona_v1_InferenceAttachRequest, InferenceAttachRequest__Output as _pomona_v1_InferenceAttachRequest__Output } from './pomona/v1/InferenceAttachRequest.ts';
import type { InferenceAttachResponse as _pomona_v1_InferenceAttachResponse, InferenceAttachResponse__Output as _pomona_v1_InferenceAttachResponse__Output } from './pomona/v1/InferenceAttachResponse.ts';
import type { InferenceCancelRequest as _pomona_v1_InferenceCancelRequest, InferenceCancelRequest__Output as _pomona_v1_InferenceCancelRequest__Output } from './pomona/v1/InferenceCancelRequest.ts';
import type { InferenceCancelResponse as _pomona_v1_InferenceCancelResponse, InferenceCancelResponse__Output as _pomona_v1_InferenceCancelResponse__Output } from './pomona/v1/InferenceCancelResponse.ts';
import type { InferenceEmbedInput as _pomona_v1_InferenceEmbedInput, InferenceEmbedInput__Output as _pomona_v1_InferenceEmbedInput__Output } from './pomona/v1/InferenceEmbedInput.ts';
import type { InferenceEmbedRequest as _pomona_v1_InferenceEmbedRequest, InferenceEmbedRequest__Output as _pomona_v1_InferenceEmbedRequest__Output } from './pomona/v1/InferenceEmbedRequest.ts';
import type { InferenceEmbedResponse as _pomona_v1_InferenceEmbedResponse, InferenceEmbedResponse__Output as _pomona_v1_InferenceEmbedResponse__Output } from './pomona/v1/InferenceEmbedResponse.ts';
import type { InferenceEmbedding as _pomona_v1_InferenceEmbedding, InferenceEmbedding__Output as _pomona_v1_InferenceEmbedding__Output } from './pomona/v1/InferenceEmbedding.ts';
import type { InferenceGenerateRequest as _pomona_v1_InferenceGenerateRequest, InferenceGenerateRequest__Output as _pomona_v1_InferenceGenerateRequest__Output } from './pomona/v1/InferenceGenerateRequest.ts';
import type { InferenceGenerateResponse as _pomona_v1_InferenceGenerateResponse, InferenceGenerateResponse__Output as _pomona_v1_InferenceGenerateResponse__Output } from './pomona/v1/InferenceGenerateResponse.ts';
import type { InferenceRerankRequest as _pomona_v1_InferenceRerankRequest, InferenceRerankRequest__Output as _pomona_v1_InferenceRerankRequest__Output } from './pomona/v1/InferenceRerankRequest.ts';
import type { InferenceRerankResponse as _pomona_v1_InferenceRerankResponse, InferenceRerankResponse__Output as _pomona_v1_InferenceRerankResponse__Output } from './pomona/v1/InferenceRerankResponse.ts';
import type { InferenceTokenizeRequest as _pomona_v1_InferenceTokenizeRequest, InferenceTokenizeRequest__Output as _pomona_v1_InferenceTokenizeRequest__Output } from './pomona/v1/InferenceTokenizeRequest.ts';
import type { InferenceTokenizeResponse as _pomona_v1_InferenceTokenizeResponse, InferenceTokenizeResponse__Output as _pomona_v1_InferenceTokenizeResponse__Output } from './pomona/v1/InferenceTokenizeResponse.ts';
import type { Infill as _pomona_v1_Infill, Infill__Output as _pomona_v1_Infill__Output } from './pomona/v1/Infill.ts';
import type { ListModelsRequest as _pomona_v1_ListModelsRequest, ListModelsRequest__Output as _pomona_v1_ListModelsRequest__Output } from './pomona/v1/ListModelsRequest.ts';
import type { ListModelsResponse as _pomona_v1_ListModelsResponse, ListModelsResponse__Output as _pomona_v1_ListModelsResponse__Output } from './pomona/v1/ListModelsResponse.ts';
import type { LoadingOutlook as _pomona_v1_LoadingOutlook, LoadingOutlook__Output as _pomona_v1_LoadingOutlook__Output } from './pomona/v1/LoadingOutlook.ts';
import type { LoggedToken as _pomona_v1_LoggedToken, LoggedToken__Output as _pomona_v1_LoggedToken__Output } from './pomona/v1/LoggedToken.ts';
import type { LogitBias as _pomona_v1_LogitBias, LogitBias__Output as _pomona_v1_LogitBias__Output } from './pomona/v1/LogitBias.ts';
import type { ModelSummary as _pomona_v1_ModelSummary, ModelSummary__Output as _pomona_v1_ModelSummary__Output } from './pomona/v1/ModelSummary.ts';
import type { OutputWish as _pomona_v1_OutputWish, OutputWish__Output as _pomona_v1_OutputWish__Output } from './pomona/v1/OutputWish.ts';
import type { PrefillProgress as _pomona_v1_PrefillProgress, PrefillProgress__Output as _pomona_v1_PrefillProgress__Output } from './pomona/v1/PrefillProgress.ts';
import type { PromptLogprobs as _pomona_v1_PromptLogprobs, PromptLogprobs__Output as _pomona_v1_PromptLogprobs__Output } from './pomona/v1/PromptLogprobs.ts';
import type { QueueOutlook as _pomona_v1_QueueOutlook, QueueOutlook__Output as _pomona_v1_QueueOutlook__Output } from './pomona/v1/QueueOutlook.ts';
import type { RankedDocument as _pomona_v1_RankedDocument, RankedDocument__Output as _pomona_v1_RankedDocument__Output } from './pomona/v1/RankedDocument.ts';
import type { Sampling as _pomona_v1_Sampling, Sampling__Output as _pomona_v1_Sampling__Output } from './pomona/v1/Sampling.ts';
import type { TextDelta as _pomona_v1_TextDelta, TextDelta__Output as _pomona_v1_TextDelta__Output } from './pomona/v1/TextDelta.ts';
import type { Timings as _pomona_v1_Timings, Timings__Output as _pomona_v1_Timings__Output } from './pomona/v1/Timings.ts';
import type { TokenChunk as _pomona_v1_TokenChunk, TokenChunk__Output as _pomona_v1_TokenChunk__Output } from './pomona/v1/TokenChunk.ts';
import type { TokenIds as _pomona_v1_TokenIds, TokenIds__Output as _pomona_v1_TokenIds__Output } from './pomona/v1/TokenIds.ts';
import type { TokenLogprobs as _pomona_v1_TokenLogprobs, TokenLogprobs__Output as _pomona_v1_TokenLogprobs__Output } from './pomona/v1/TokenLogprobs.ts';
import type { ToolCall as _pomona_v1_ToolCall, ToolCall__Output as _pomona_v1_ToolCall__Output } from './pomona/v1/ToolCall.ts';
import type { ToolCallDelta as _pomona_v1_ToolCallDelta, ToolCallDelta__Output as _pomona_v1_ToolCallDelta__Output } from './pomona/v1/ToolCallDelta.ts';
import type { ToolDefinition as _pomona_v1_ToolDefinition, ToolDefinition__Output as _pomona_v1_ToolDefinition__Output } from './pomona/v1/ToolDefinition.ts';
import type { TopLogprob as _pomona_v1_TopLogprob, TopLogprob__Output as _pomona_v1_TopLogprob__Output } from './pomona/v1/TopLogprob.ts';
import type { Usage as _pomona_v1_Usage, Usage__Output as _pomona_v1_Usage__Output } from './pomona/v1/Usage.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  pomona: {
    v1: {
      Bound: MessageTypeDefinition<_pomona_v1_Bound, _pomona_v1_Bound__Output>
      Chat: MessageTypeDefinition<_pomona_v1_Chat, _pomona_v1_Chat__Output>
      ChatMessage: MessageTypeDefinition<_pomona_v1_ChatMessage, _pomona_v1_ChatMessage__Output>
      DrySampling: MessageTypeDefinition<_pomona_v1_DrySampling, _pomona_v1_DrySampling__Output>
      Ending: MessageTypeDefinition<_pomona_v1_Ending, _pomona_v1_Ending__Output>
      ErrorDetail: MessageTypeDefinition<_pomona_v1_ErrorDetail, _pomona_v1_ErrorDetail__Output>
      FinishReason: EnumTypeDefinition
      /**
       * What clients call on the coordinator.
       */
      Inference: SubtypeConstructor<typeof grpc.Client, _pomona_v1_InferenceClient> & { service: _pomona_v1_InferenceDefinition }
      InferenceAttachRequest: MessageTypeDefinition<_pomona_v1_InferenceAttachRequest, _pomona_v1_InferenceAttachRequest__Output>
      InferenceAttachResponse: MessageTypeDefinition<_pomona_v1_InferenceAttachResponse, _pomona_v1_InferenceAttachResponse__Output>
      InferenceCancelRequest: MessageTypeDefinition<_pomona_v1_InferenceCancelRequest, _pomona_v1_InferenceCancelRequest__Output>
      InferenceCancelResponse: MessageTypeDefinition<_pomona_v1_InferenceCancelResponse, _pomona_v1_InferenceCancelResponse__Output>
      InferenceEmbedInput: MessageTypeDefinition<_pomona_v1_InferenceEmbedInput, _pomona_v1_InferenceEmbedInput__Output>
      InferenceEmbedRequest: MessageTypeDefinition<_pomona_v1_InferenceEmbedRequest, _pomona_v1_InferenceEmbedRequest__Output>
      InferenceEmbedResponse: MessageTypeDefinition<_pomona_v1_InferenceEmbedResponse, _pomona_v1_InferenceEmbedResponse__Output>
      InferenceEmbedding: MessageTypeDefinition<_pomona_v1_InferenceEmbedding, _pomona_v1_InferenceEmbedding__Output>
      InferenceGenerateRequest: MessageTypeDefinition<_pomona_v1_InferenceGenerateRequest, _pomona_v1_InferenceGenerateRequest__Output>
      InferenceGenerateResponse: MessageTypeDefinition<_pomona_v1_InferenceGenerateResponse, _pomona_v1_InferenceGenerateResponse__Output>
      InferenceRerankRequest: MessageTypeDefinition<_pomona_v1_InferenceRerankRequest, _pomona_v1_InferenceRerankRequest__Output>
      InferenceRerankResponse: MessageTypeDefinition<_pomona_v1_InferenceRerankResponse, _pomona_v1_InferenceRerankResponse__Output>
      InferenceTokenizeRequest: MessageTypeDefinition<_pomona_v1_InferenceTokenizeRequest, _pomona_v1_InferenceTokenizeRequest__Output>
      InferenceTokenizeResponse: MessageTypeDefinition<_pomona_v1_InferenceTokenizeResponse, _pomona_v1_InferenceTokenizeResponse__Output>
      Infill: MessageTypeDefinition<_pomona_v1_Infill, _pomona_v1_Infill__Output>
      ListModelsRequest: MessageTypeDefinition<_pomona_v1_ListModelsRequest, _pomona_v1_ListModelsRequest__Output>
      ListModelsResponse: MessageTypeDefinition<_pomona_v1_ListModelsResponse, _pomona_v1_ListModelsResponse__Output>
      LoadingOutlook: MessageTypeDefinition<_pomona_v1_LoadingOutlook, _pomona_v1_LoadingOutlook__Output>
      LoggedToken: MessageTypeDefinition<_pomona_v1_LoggedToken, _pomona_v1_LoggedToken__Output>
      LogitBias: MessageTypeDefinition<_pomona_v1_LogitBias, _pomona_v1_LogitBias__Output>
      ModelSummary: MessageTypeDefinition<_pomona_v1_ModelSummary, _pomona_v1_ModelSummary__Output>
      OutputWish: MessageTypeDefinition<_pomona_v1_OutputWish, _pomona_v1_OutputWish__Output>
      PrefillProgress: MessageTypeDefinition<_pomona_v1_PrefillProgress, _pomona_v1_PrefillProgress__Output>
      PromptLogprobs: MessageTypeDefinition<_pomona_v1_PromptLogprobs, _pomona_v1_PromptLogprobs__Output>
      QueueOutlook: MessageTypeDefinition<_pomona_v1_QueueOutlook, _pomona_v1_QueueOutlook__Output>
      RankedDocument: MessageTypeDefinition<_pomona_v1_RankedDocument, _pomona_v1_RankedDocument__Output>
      Sampling: MessageTypeDefinition<_pomona_v1_Sampling, _pomona_v1_Sampling__Output>
      TextDelta: MessageTypeDefinition<_pomona_v1_TextDelta, _pomona_v1_TextDelta__Output>
      Timings: MessageTypeDefinition<_pomona_v1_Timings, _pomona_v1_Timings__Output>
      TokenChunk: MessageTypeDefinition<_pomona_v1_TokenChunk, _pomona_v1_TokenChunk__Output>
      TokenIds: MessageTypeDefinition<_pomona_v1_TokenIds, _pomona_v1_TokenIds__Output>
      TokenLogprobs: MessageTypeDefinition<_pomona_v1_TokenLogprobs, _pomona_v1_TokenLogprobs__Output>
      ToolCall: MessageTypeDefinition<_pomona_v1_ToolCall, _pomona_v1_ToolCall__Output>
      ToolCallDelta: MessageTypeDefinition<_pomona_v1_ToolCallDelta, _pomona_v1_ToolCallDelta__Output>
      ToolDefinition: MessageTypeDefinition<_pomona_v1_ToolDefinition, _pomona_v1_ToolDefinition__Output>
      TopLogprob: MessageTypeDefinition<_pomona_v1_TopLogprob, _pomona_v1_TopLogprob__Output>
      Usage: MessageTypeDefinition<_pomona_v1_Usage, _pomona_v1_Usage__Output>
    }
  }
}

