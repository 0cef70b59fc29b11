import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Accepted as _pomona_v1_Accepted, Accepted__Output as _pomona_v1_Accepted__Output } from './pomona/v1/Accepted.ts';
import type { CancelAttemptRequest as _pomona_v1_CancelAttemptRequest, CancelAttemptRequest__Output as _pomona_v1_CancelAttemptRequest__Output } from './pomona/v1/CancelAttemptRequest.ts';
import type { CancelAttemptResponse as _pomona_v1_CancelAttemptResponse, CancelAttemptResponse__Output as _pomona_v1_CancelAttemptResponse__Output } from './pomona/v1/CancelAttemptResponse.ts';
import type { Chat as _pomona_v1_Chat, Chat__Output as _pomona_v1_Chat__Output } from './pomona/v1/Chat.ts';
import type { ChatMessage as _pomona_v1_ChatMessage, ChatMessage__Output as _pomona_v1_ChatMessage__Output } from './pomona/v1/ChatMessage.ts';
import type { DrainRequest as _pomona_v1_DrainRequest, DrainRequest__Output as _pomona_v1_DrainRequest__Output } from './pomona/v1/DrainRequest.ts';
import type { DrainResponse as _pomona_v1_DrainResponse, DrainResponse__Output as _pomona_v1_DrainResponse__Output } from './pomona/v1/DrainResponse.ts';
import type { DrySampling as _pomona_v1_DrySampling, DrySampling__Output as _pomona_v1_DrySampling__Output } from './pomona/v1/DrySampling.ts';
import type { EmbedInput as _pomona_v1_EmbedInput, EmbedInput__Output as _pomona_v1_EmbedInput__Output } from './pomona/v1/EmbedInput.ts';
import type { Embedding as _pomona_v1_Embedding, Embedding__Output as _pomona_v1_Embedding__Output } from './pomona/v1/Embedding.ts';
import type { Ending as _pomona_v1_Ending, Ending__Output as _pomona_v1_Ending__Output } from './pomona/v1/Ending.ts';
import type { EngineOptions as _pomona_v1_EngineOptions, EngineOptions__Output as _pomona_v1_EngineOptions__Output } from './pomona/v1/EngineOptions.ts';
import type { ErrorDetail as _pomona_v1_ErrorDetail, ErrorDetail__Output as _pomona_v1_ErrorDetail__Output } from './pomona/v1/ErrorDetail.ts';
import type { HeldPrefix as _pomona_v1_HeldPrefix, HeldPrefix__Output as _pomona_v1_HeldPrefix__Output } from './pomona/v1/HeldPrefix.ts';
import type { HoldStateRequest as _pomona_v1_HoldStateRequest, HoldStateRequest__Output as _pomona_v1_HoldStateRequest__Output } from './pomona/v1/HoldStateRequest.ts';
import type { HoldStateResponse as _pomona_v1_HoldStateResponse, HoldStateResponse__Output as _pomona_v1_HoldStateResponse__Output } from './pomona/v1/HoldStateResponse.ts';
import type { Infill as _pomona_v1_Infill, Infill__Output as _pomona_v1_Infill__Output } from './pomona/v1/Infill.ts';
import type { InspectModelRequest as _pomona_v1_InspectModelRequest, InspectModelRequest__Output as _pomona_v1_InspectModelRequest__Output } from './pomona/v1/InspectModelRequest.ts';
import type { InspectModelResponse as _pomona_v1_InspectModelResponse, InspectModelResponse__Output as _pomona_v1_InspectModelResponse__Output } from './pomona/v1/InspectModelResponse.ts';
import type { KeepAttemptsRequest as _pomona_v1_KeepAttemptsRequest, KeepAttemptsRequest__Output as _pomona_v1_KeepAttemptsRequest__Output } from './pomona/v1/KeepAttemptsRequest.ts';
import type { KeepAttemptsResponse as _pomona_v1_KeepAttemptsResponse, KeepAttemptsResponse__Output as _pomona_v1_KeepAttemptsResponse__Output } from './pomona/v1/KeepAttemptsResponse.ts';
import type { ListReplicasRequest as _pomona_v1_ListReplicasRequest, ListReplicasRequest__Output as _pomona_v1_ListReplicasRequest__Output } from './pomona/v1/ListReplicasRequest.ts';
import type { ListReplicasResponse as _pomona_v1_ListReplicasResponse, ListReplicasResponse__Output as _pomona_v1_ListReplicasResponse__Output } from './pomona/v1/ListReplicasResponse.ts';
import type { LoadReplicaRequest as _pomona_v1_LoadReplicaRequest, LoadReplicaRequest__Output as _pomona_v1_LoadReplicaRequest__Output } from './pomona/v1/LoadReplicaRequest.ts';
import type { LoadReplicaResponse as _pomona_v1_LoadReplicaResponse, LoadReplicaResponse__Output as _pomona_v1_LoadReplicaResponse__Output } from './pomona/v1/LoadReplicaResponse.ts';
import type { LogitBias as _pomona_v1_LogitBias, LogitBias__Output as _pomona_v1_LogitBias__Output } from './pomona/v1/LogitBias.ts';
import type { LoraAdapter as _pomona_v1_LoraAdapter, LoraAdapter__Output as _pomona_v1_LoraAdapter__Output } from './pomona/v1/LoraAdapter.ts';
import type { MetricFamily as _pomona_v1_MetricFamily, MetricFamily__Output as _pomona_v1_MetricFamily__Output } from './pomona/v1/MetricFamily.ts';
import type { MetricLabel as _pomona_v1_MetricLabel, MetricLabel__Output as _pomona_v1_MetricLabel__Output } from './pomona/v1/MetricLabel.ts';
import type { MetricSample as _pomona_v1_MetricSample, MetricSample__Output as _pomona_v1_MetricSample__Output } from './pomona/v1/MetricSample.ts';
import type { MetricsReport as _pomona_v1_MetricsReport, MetricsReport__Output as _pomona_v1_MetricsReport__Output } from './pomona/v1/MetricsReport.ts';
import type { ModelFile as _pomona_v1_ModelFile, ModelFile__Output as _pomona_v1_ModelFile__Output } from './pomona/v1/ModelFile.ts';
import type { ModelVariant as _pomona_v1_ModelVariant, ModelVariant__Output as _pomona_v1_ModelVariant__Output } from './pomona/v1/ModelVariant.ts';
import type { NodeClient as _pomona_v1_NodeClient, NodeDefinition as _pomona_v1_NodeDefinition } from './pomona/v1/Node.ts';
import type { NodeAttachRequest as _pomona_v1_NodeAttachRequest, NodeAttachRequest__Output as _pomona_v1_NodeAttachRequest__Output } from './pomona/v1/NodeAttachRequest.ts';
import type { NodeAttachResponse as _pomona_v1_NodeAttachResponse, NodeAttachResponse__Output as _pomona_v1_NodeAttachResponse__Output } from './pomona/v1/NodeAttachResponse.ts';
import type { NodeCapacity as _pomona_v1_NodeCapacity, NodeCapacity__Output as _pomona_v1_NodeCapacity__Output } from './pomona/v1/NodeCapacity.ts';
import type { NodeEmbedRequest as _pomona_v1_NodeEmbedRequest, NodeEmbedRequest__Output as _pomona_v1_NodeEmbedRequest__Output } from './pomona/v1/NodeEmbedRequest.ts';
import type { NodeEmbedResponse as _pomona_v1_NodeEmbedResponse, NodeEmbedResponse__Output as _pomona_v1_NodeEmbedResponse__Output } from './pomona/v1/NodeEmbedResponse.ts';
import type { NodeGenerateRequest as _pomona_v1_NodeGenerateRequest, NodeGenerateRequest__Output as _pomona_v1_NodeGenerateRequest__Output } from './pomona/v1/NodeGenerateRequest.ts';
import type { NodeGenerateResponse as _pomona_v1_NodeGenerateResponse, NodeGenerateResponse__Output as _pomona_v1_NodeGenerateResponse__Output } from './pomona/v1/NodeGenerateResponse.ts';
import type { NodeRankRequest as _pomona_v1_NodeRankRequest, NodeRankRequest__Output as _pomona_v1_NodeRankRequest__Output } from './pomona/v1/NodeRankRequest.ts';
import type { NodeRankResponse as _pomona_v1_NodeRankResponse, NodeRankResponse__Output as _pomona_v1_NodeRankResponse__Output } from './pomona/v1/NodeRankResponse.ts';
import type { NodeStatus as _pomona_v1_NodeStatus, NodeStatus__Output as _pomona_v1_NodeStatus__Output } from './pomona/v1/NodeStatus.ts';
import type { NodeTokenizeRequest as _pomona_v1_NodeTokenizeRequest, NodeTokenizeRequest__Output as _pomona_v1_NodeTokenizeRequest__Output } from './pomona/v1/NodeTokenizeRequest.ts';
import type { NodeTokenizeResponse as _pomona_v1_NodeTokenizeResponse, NodeTokenizeResponse__Output as _pomona_v1_NodeTokenizeResponse__Output } from './pomona/v1/NodeTokenizeResponse.ts';
import type { PeerLine as _pomona_v1_PeerLine, PeerLine__Output as _pomona_v1_PeerLine__Output } from './pomona/v1/PeerLine.ts';
import type { PowerStatus as _pomona_v1_PowerStatus, PowerStatus__Output as _pomona_v1_PowerStatus__Output } from './pomona/v1/PowerStatus.ts';
import type { PrefillChunk as _pomona_v1_PrefillChunk, PrefillChunk__Output as _pomona_v1_PrefillChunk__Output } from './pomona/v1/PrefillChunk.ts';
import type { PrefillProgress as _pomona_v1_PrefillProgress, PrefillProgress__Output as _pomona_v1_PrefillProgress__Output } from './pomona/v1/PrefillProgress.ts';
import type { PromptLogprobs as _pomona_v1_PromptLogprobs, PromptLogprobs__Output as _pomona_v1_PromptLogprobs__Output } from './pomona/v1/PromptLogprobs.ts';
import type { PullModelRequest as _pomona_v1_PullModelRequest, PullModelRequest__Output as _pomona_v1_PullModelRequest__Output } from './pomona/v1/PullModelRequest.ts';
import type { PullModelResponse as _pomona_v1_PullModelResponse, PullModelResponse__Output as _pomona_v1_PullModelResponse__Output } from './pomona/v1/PullModelResponse.ts';
import type { QueueOutlook as _pomona_v1_QueueOutlook, QueueOutlook__Output as _pomona_v1_QueueOutlook__Output } from './pomona/v1/QueueOutlook.ts';
import type { ReadModelFileRequest as _pomona_v1_ReadModelFileRequest, ReadModelFileRequest__Output as _pomona_v1_ReadModelFileRequest__Output } from './pomona/v1/ReadModelFileRequest.ts';
import type { ReadModelFileResponse as _pomona_v1_ReadModelFileResponse, ReadModelFileResponse__Output as _pomona_v1_ReadModelFileResponse__Output } from './pomona/v1/ReadModelFileResponse.ts';
import type { ReadStateRequest as _pomona_v1_ReadStateRequest, ReadStateRequest__Output as _pomona_v1_ReadStateRequest__Output } from './pomona/v1/ReadStateRequest.ts';
import type { ReadStateResponse as _pomona_v1_ReadStateResponse, ReadStateResponse__Output as _pomona_v1_ReadStateResponse__Output } from './pomona/v1/ReadStateResponse.ts';
import type { RemoveModelFileRequest as _pomona_v1_RemoveModelFileRequest, RemoveModelFileRequest__Output as _pomona_v1_RemoveModelFileRequest__Output } from './pomona/v1/RemoveModelFileRequest.ts';
import type { RemoveModelFileResponse as _pomona_v1_RemoveModelFileResponse, RemoveModelFileResponse__Output as _pomona_v1_RemoveModelFileResponse__Output } from './pomona/v1/RemoveModelFileResponse.ts';
import type { ReplicaMemory as _pomona_v1_ReplicaMemory, ReplicaMemory__Output as _pomona_v1_ReplicaMemory__Output } from './pomona/v1/ReplicaMemory.ts';
import type { ReplicaSpec as _pomona_v1_ReplicaSpec, ReplicaSpec__Output as _pomona_v1_ReplicaSpec__Output } from './pomona/v1/ReplicaSpec.ts';
import type { ReplicaSpeed as _pomona_v1_ReplicaSpeed, ReplicaSpeed__Output as _pomona_v1_ReplicaSpeed__Output } from './pomona/v1/ReplicaSpeed.ts';
import type { ReplicaStatus as _pomona_v1_ReplicaStatus, ReplicaStatus__Output as _pomona_v1_ReplicaStatus__Output } from './pomona/v1/ReplicaStatus.ts';
import type { RunningAttempt as _pomona_v1_RunningAttempt, RunningAttempt__Output as _pomona_v1_RunningAttempt__Output } from './pomona/v1/RunningAttempt.ts';
import type { Sampling as _pomona_v1_Sampling, Sampling__Output as _pomona_v1_Sampling__Output } from './pomona/v1/Sampling.ts';
import type { SequenceState as _pomona_v1_SequenceState, SequenceState__Output as _pomona_v1_SequenceState__Output } from './pomona/v1/SequenceState.ts';
import type { StoredFile as _pomona_v1_StoredFile, StoredFile__Output as _pomona_v1_StoredFile__Output } from './pomona/v1/StoredFile.ts';
import type { Timings as _pomona_v1_Timings, Timings__Output as _pomona_v1_Timings__Output } from './pomona/v1/Timings.ts';
import type { TokenChunk as _pomona_v1_TokenChunk, TokenChunk__Output as _pomona_v1_TokenChunk__Output } from './pomona/v1/TokenChunk.ts';
import type { TokenLogprobs as _pomona_v1_TokenLogprobs, TokenLogprobs__Output as _pomona_v1_TokenLogprobs__Output } from './pomona/v1/TokenLogprobs.ts';
import type { ToolCall as _pomona_v1_ToolCall, ToolCall__Output as _pomona_v1_ToolCall__Output } from './pomona/v1/ToolCall.ts';
import type { ToolDefinition as _pomona_v1_ToolDefinition, ToolDefinition__Output as _pomona_v1_ToolDefinition__Output } from './pomona/v1/ToolDefinition.ts';
import type { TopLogprob as _pomona_v1_TopLogprob, TopLogprob__Output as _pomona_v1_TopLogprob__Output } from './pomona/v1/TopLogprob.ts';
import type { UnloadReplicaRequest as _pomona_v1_UnloadReplicaRequest, UnloadReplicaRequest__Output as _pomona_v1_UnloadReplicaRequest__Output } from './pomona/v1/UnloadReplicaRequest.ts';
import type { UnloadReplicaResponse as _pomona_v1_UnloadReplicaResponse, UnloadReplicaResponse__Output as _pomona_v1_UnloadReplicaResponse__Output } from './pomona/v1/UnloadReplicaResponse.ts';
import type { Usage as _pomona_v1_Usage, Usage__Output as _pomona_v1_Usage__Output } from './pomona/v1/Usage.ts';
import type { WatchStatusRequest as _pomona_v1_WatchStatusRequest, WatchStatusRequest__Output as _pomona_v1_WatchStatusRequest__Output } from './pomona/v1/WatchStatusRequest.ts';
import type { WatchStatusResponse as _pomona_v1_WatchStatusResponse, WatchStatusResponse__Output as _pomona_v1_WatchStatusResponse__Output } from './pomona/v1/WatchStatusResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  pomona: {
    v1: {
      Accepted: MessageTypeDefinition<_pomona_v1_Accepted, _pomona_v1_Accepted__Output>
      CancelAttemptRequest: MessageTypeDefinition<_pomona_v1_CancelAttemptRequest, _pomona_v1_CancelAttemptRequest__Output>
      CancelAttemptResponse: MessageTypeDefinition<_pomona_v1_CancelAttemptResponse, _pomona_v1_CancelAttemptResponse__Output>
      Chat: MessageTypeDefinition<_pomona_v1_Chat, _pomona_v1_Chat__Output>
      ChatMessage: MessageTypeDefinition<_pomona_v1_ChatMessage, _pomona_v1_ChatMessage__Output>
      DrainRequest: MessageTypeDefinition<_pomona_v1_DrainRequest, _pomona_v1_DrainRequest__Output>
      DrainResponse: MessageTypeDefinition<_pomona_v1_DrainResponse, _pomona_v1_DrainResponse__Output>
      DrySampling: MessageTypeDefinition<_pomona_v1_DrySampling, _pomona_v1_DrySampling__Output>
      EmbedInput: MessageTypeDefinition<_pomona_v1_EmbedInput, _pomona_v1_EmbedInput__Output>
      Embedding: MessageTypeDefinition<_pomona_v1_Embedding, _pomona_v1_Embedding__Output>
      Ending: MessageTypeDefinition<_pomona_v1_Ending, _pomona_v1_Ending__Output>
      EngineOptions: MessageTypeDefinition<_pomona_v1_EngineOptions, _pomona_v1_EngineOptions__Output>
      ErrorDetail: MessageTypeDefinition<_pomona_v1_ErrorDetail, _pomona_v1_ErrorDetail__Output>
      FinishReason: EnumTypeDefinition
      HeldPrefix: MessageTypeDefinition<_pomona_v1_HeldPrefix, _pomona_v1_HeldPrefix__Output>
      HoldStateRequest: MessageTypeDefinition<_pomona_v1_HoldStateRequest, _pomona_v1_HoldStateRequest__Output>
      HoldStateResponse: MessageTypeDefinition<_pomona_v1_HoldStateResponse, _pomona_v1_HoldStateResponse__Output>
      Infill: MessageTypeDefinition<_pomona_v1_Infill, _pomona_v1_Infill__Output>
      InspectModelRequest: MessageTypeDefinition<_pomona_v1_InspectModelRequest, _pomona_v1_InspectModelRequest__Output>
      InspectModelResponse: MessageTypeDefinition<_pomona_v1_InspectModelResponse, _pomona_v1_InspectModelResponse__Output>
      KeepAttemptsRequest: MessageTypeDefinition<_pomona_v1_KeepAttemptsRequest, _pomona_v1_KeepAttemptsRequest__Output>
      KeepAttemptsResponse: MessageTypeDefinition<_pomona_v1_KeepAttemptsResponse, _pomona_v1_KeepAttemptsResponse__Output>
      ListReplicasRequest: MessageTypeDefinition<_pomona_v1_ListReplicasRequest, _pomona_v1_ListReplicasRequest__Output>
      ListReplicasResponse: MessageTypeDefinition<_pomona_v1_ListReplicasResponse, _pomona_v1_ListReplicasResponse__Output>
      LoadReplicaRequest: MessageTypeDefinition<_pomona_v1_LoadReplicaRequest, _pomona_v1_LoadReplicaRequest__Output>
      LoadReplicaResponse: MessageTypeDefinition<_pomona_v1_LoadReplicaResponse, _pomona_v1_LoadReplicaResponse__Output>
      LogitBias: MessageTypeDefinition<_pomona_v1_LogitBias, _pomona_v1_LogitBias__Output>
      LoraAdapter: MessageTypeDefinition<_pomona_v1_LoraAdapter, _pomona_v1_LoraAdapter__Output>
      MetricFamily: MessageTypeDefinition<_pomona_v1_MetricFamily, _pomona_v1_MetricFamily__Output>
      MetricLabel: MessageTypeDefinition<_pomona_v1_MetricLabel, _pomona_v1_MetricLabel__Output>
      MetricSample: MessageTypeDefinition<_pomona_v1_MetricSample, _pomona_v1_MetricSample__Output>
      MetricsReport: MessageTypeDefinition<_pomona_v1_MetricsReport, _pomona_v1_MetricsReport__Output>
      ModelFile: MessageTypeDefinition<_pomona_v1_ModelFile, _pomona_v1_ModelFile__Output>
      ModelVariant: MessageTypeDefinition<_pomona_v1_ModelVariant, _pomona_v1_ModelVariant__Output>
      /**
       * What the coordinator calls on a node-agent. Every call of a coordinator that holds a lease says the lease's term: metadata
       * pomona-term, the cluster's name, a slash and the term, which grows whenever another coordinator becomes the active one.
       * FAILED_PRECONDITION with pomona-code superseded, and the higher term as pomona-term, when the node has heard of one.
       */
      Node: SubtypeConstructor<typeof grpc.Client, _pomona_v1_NodeClient> & { service: _pomona_v1_NodeDefinition }
      NodeAttachRequest: MessageTypeDefinition<_pomona_v1_NodeAttachRequest, _pomona_v1_NodeAttachRequest__Output>
      NodeAttachResponse: MessageTypeDefinition<_pomona_v1_NodeAttachResponse, _pomona_v1_NodeAttachResponse__Output>
      NodeCapacity: MessageTypeDefinition<_pomona_v1_NodeCapacity, _pomona_v1_NodeCapacity__Output>
      NodeEmbedRequest: MessageTypeDefinition<_pomona_v1_NodeEmbedRequest, _pomona_v1_NodeEmbedRequest__Output>
      NodeEmbedResponse: MessageTypeDefinition<_pomona_v1_NodeEmbedResponse, _pomona_v1_NodeEmbedResponse__Output>
      NodeGenerateRequest: MessageTypeDefinition<_pomona_v1_NodeGenerateRequest, _pomona_v1_NodeGenerateRequest__Output>
      NodeGenerateResponse: MessageTypeDefinition<_pomona_v1_NodeGenerateResponse, _pomona_v1_NodeGenerateResponse__Output>
      NodeRankRequest: MessageTypeDefinition<_pomona_v1_NodeRankRequest, _pomona_v1_NodeRankRequest__Output>
      NodeRankResponse: MessageTypeDefinition<_pomona_v1_NodeRankResponse, _pomona_v1_NodeRankResponse__Output>
      NodeState: EnumTypeDefinition
      NodeStatus: MessageTypeDefinition<_pomona_v1_NodeStatus, _pomona_v1_NodeStatus__Output>
      NodeTokenizeRequest: MessageTypeDefinition<_pomona_v1_NodeTokenizeRequest, _pomona_v1_NodeTokenizeRequest__Output>
      NodeTokenizeResponse: MessageTypeDefinition<_pomona_v1_NodeTokenizeResponse, _pomona_v1_NodeTokenizeResponse__Output>
      PeerLine: MessageTypeDefinition<_pomona_v1_PeerLine, _pomona_v1_PeerLine__Output>
      PowerSource: EnumTypeDefinition
      PowerStatus: MessageTypeDefinition<_pomona_v1_PowerStatus, _pomona_v1_PowerStatus__Output>
      PrefillChunk: MessageTypeDefinition<_pomona_v1_PrefillChunk, _pomona_v1_PrefillChunk__Output>
      PrefillProgress: MessageTypeDefinition<_pomona_v1_PrefillProgress, _pomona_v1_PrefillProgress__Output>
      PromptLogprobs: MessageTypeDefinition<_pomona_v1_PromptLogprobs, _pomona_v1_PromptLogprobs__Output>
      PullModelRequest: MessageTypeDefinition<_pomona_v1_PullModelRequest, _pomona_v1_PullModelRequest__Output>
      PullModelResponse: MessageTypeDefinition<_pomona_v1_PullModelResponse, _pomona_v1_PullModelResponse__Output>
      QueueOutlook: MessageTypeDefinition<_pomona_v1_QueueOutlook, _pomona_v1_QueueOutlook__Output>
      ReadModelFileRequest: MessageTypeDefinition<_pomona_v1_ReadModelFileRequest, _pomona_v1_ReadModelFileRequest__Output>
      ReadModelFileResponse: MessageTypeDefinition<_pomona_v1_ReadModelFileResponse, _pomona_v1_ReadModelFileResponse__Output>
      ReadStateRequest: MessageTypeDefinition<_pomona_v1_ReadStateRequest, _pomona_v1_ReadStateRequest__Output>
      ReadStateResponse: MessageTypeDefinition<_pomona_v1_ReadStateResponse, _pomona_v1_ReadStateResponse__Output>
      RemoveModelFileRequest: MessageTypeDefinition<_pomona_v1_RemoveModelFileRequest, _pomona_v1_RemoveModelFileRequest__Output>
      RemoveModelFileResponse: MessageTypeDefinition<_pomona_v1_RemoveModelFileResponse, _pomona_v1_RemoveModelFileResponse__Output>
      ReplicaMemory: MessageTypeDefinition<_pomona_v1_ReplicaMemory, _pomona_v1_ReplicaMemory__Output>
      ReplicaSpec: MessageTypeDefinition<_pomona_v1_ReplicaSpec, _pomona_v1_ReplicaSpec__Output>
      ReplicaSpeed: MessageTypeDefinition<_pomona_v1_ReplicaSpeed, _pomona_v1_ReplicaSpeed__Output>
      ReplicaState: EnumTypeDefinition
      ReplicaStatus: MessageTypeDefinition<_pomona_v1_ReplicaStatus, _pomona_v1_ReplicaStatus__Output>
      RunningAttempt: MessageTypeDefinition<_pomona_v1_RunningAttempt, _pomona_v1_RunningAttempt__Output>
      Sampling: MessageTypeDefinition<_pomona_v1_Sampling, _pomona_v1_Sampling__Output>
      SequenceState: MessageTypeDefinition<_pomona_v1_SequenceState, _pomona_v1_SequenceState__Output>
      StoredFile: MessageTypeDefinition<_pomona_v1_StoredFile, _pomona_v1_StoredFile__Output>
      ThermalState: EnumTypeDefinition
      Timings: MessageTypeDefinition<_pomona_v1_Timings, _pomona_v1_Timings__Output>
      TokenChunk: MessageTypeDefinition<_pomona_v1_TokenChunk, _pomona_v1_TokenChunk__Output>
      TokenLogprobs: MessageTypeDefinition<_pomona_v1_TokenLogprobs, _pomona_v1_TokenLogprobs__Output>
      ToolCall: MessageTypeDefinition<_pomona_v1_ToolCall, _pomona_v1_ToolCall__Output>
      ToolDefinition: MessageTypeDefinition<_pomona_v1_ToolDefinition, _pomona_v1_ToolDefinition__Output>
      TopLogprob: MessageTypeDefinition<_pomona_v1_TopLogprob, _pomona_v1_TopLogprob__Output>
      UnloadReplicaRequest: MessageTypeDefinition<_pomona_v1_UnloadReplicaRequest, _pomona_v1_UnloadReplicaRequest__Output>
      UnloadReplicaResponse: MessageTypeDefinition<_pomona_v1_UnloadReplicaResponse, _pomona_v1_UnloadReplicaResponse__Output>
      Usage: MessageTypeDefinition<_pomona_v1_Usage, _pomona_v1_Usage__Output>
      WatchStatusRequest: MessageTypeDefinition<_pomona_v1_WatchStatusRequest, _pomona_v1_WatchStatusRequest__Output>
      WatchStatusResponse: MessageTypeDefinition<_pomona_v1_WatchStatusResponse, _pomona_v1_WatchStatusResponse__Output>
    }
  }
}

