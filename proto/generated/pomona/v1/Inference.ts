// Original file: pomona/v1/inference.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { InferenceAttachRequest as _pomona_v1_InferenceAttachRequest, InferenceAttachRequest__Output as _pomona_v1_InferenceAttachRequest__Output } from '../../pomona/v1/InferenceAttachRequest.ts';
import type { InferenceAttachResponse as _pomona_v1_InferenceAttachResponse, InferenceAttachResponse__Output as _pomona_v1_InferenceAttachResponse__Output } from '../../pomona/v1/InferenceAttachResponse.ts';
import type { InferenceCancelRequest as _pomona_v1_InferenceCancelRequest, InferenceCancelRequest__Output as _pomona_v1_InferenceCancelRequest__Output } from '../../pomona/v1/InferenceCancelRequest.ts';
import type { InferenceCancelResponse as _pomona_v1_InferenceCancelResponse, InferenceCancelResponse__Output as _pomona_v1_InferenceCancelResponse__Output } from '../../pomona/v1/InferenceCancelResponse.ts';
import type { InferenceEmbedRequest as _pomona_v1_InferenceEmbedRequest, InferenceEmbedRequest__Output as _pomona_v1_InferenceEmbedRequest__Output } from '../../pomona/v1/InferenceEmbedRequest.ts';
import type { InferenceEmbedResponse as _pomona_v1_InferenceEmbedResponse, InferenceEmbedResponse__Output as _pomona_v1_InferenceEmbedResponse__Output } from '../../pomona/v1/InferenceEmbedResponse.ts';
import type { InferenceGenerateRequest as _pomona_v1_InferenceGenerateRequest, InferenceGenerateRequest__Output as _pomona_v1_InferenceGenerateRequest__Output } from '../../pomona/v1/InferenceGenerateRequest.ts';
import type { InferenceGenerateResponse as _pomona_v1_InferenceGenerateResponse, InferenceGenerateResponse__Output as _pomona_v1_InferenceGenerateResponse__Output } from '../../pomona/v1/InferenceGenerateResponse.ts';
import type { InferenceRerankRequest as _pomona_v1_InferenceRerankRequest, InferenceRerankRequest__Output as _pomona_v1_InferenceRerankRequest__Output } from '../../pomona/v1/InferenceRerankRequest.ts';
import type { InferenceRerankResponse as _pomona_v1_InferenceRerankResponse, InferenceRerankResponse__Output as _pomona_v1_InferenceRerankResponse__Output } from '../../pomona/v1/InferenceRerankResponse.ts';
import type { InferenceTokenizeRequest as _pomona_v1_InferenceTokenizeRequest, InferenceTokenizeRequest__Output as _pomona_v1_InferenceTokenizeRequest__Output } from '../../pomona/v1/InferenceTokenizeRequest.ts';
import type { InferenceTokenizeResponse as _pomona_v1_InferenceTokenizeResponse, InferenceTokenizeResponse__Output as _pomona_v1_InferenceTokenizeResponse__Output } from '../../pomona/v1/InferenceTokenizeResponse.ts';
import type { ListModelsRequest as _pomona_v1_ListModelsRequest, ListModelsRequest__Output as _pomona_v1_ListModelsRequest__Output } from '../../pomona/v1/ListModelsRequest.ts';
import type { ListModelsResponse as _pomona_v1_ListModelsResponse, ListModelsResponse__Output as _pomona_v1_ListModelsResponse__Output } from '../../pomona/v1/ListModelsResponse.ts';

/**
 * What clients call on the coordinator.
 */
export interface InferenceClient extends grpc.Client {
  /**
   * Takes up a running generation from a token index. NOT_FOUND when it is not running here.
   */
  Attach(argument: _pomona_v1_InferenceAttachRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceAttachResponse__Output>;
  Attach(argument: _pomona_v1_InferenceAttachRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceAttachResponse__Output>;
  /**
   * Takes up a running generation from a token index. NOT_FOUND when it is not running here.
   */
  attach(argument: _pomona_v1_InferenceAttachRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceAttachResponse__Output>;
  attach(argument: _pomona_v1_InferenceAttachRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceAttachResponse__Output>;
  
  /**
   * Ends a request at once, also one that would wait for its client to come back. Does nothing when it is not here.
   */
  Cancel(argument: _pomona_v1_InferenceCancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _pomona_v1_InferenceCancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _pomona_v1_InferenceCancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _pomona_v1_InferenceCancelRequest, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends a request at once, also one that would wait for its client to come back. Does nothing when it is not here.
   */
  cancel(argument: _pomona_v1_InferenceCancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  cancel(argument: _pomona_v1_InferenceCancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  cancel(argument: _pomona_v1_InferenceCancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  cancel(argument: _pomona_v1_InferenceCancelRequest, callback: grpc.requestCallback<_pomona_v1_InferenceCancelResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * One vector of length 1 for each input. INVALID_ARGUMENT when the model makes none.
   */
  Embed(argument: _pomona_v1_InferenceEmbedRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  Embed(argument: _pomona_v1_InferenceEmbedRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  Embed(argument: _pomona_v1_InferenceEmbedRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  Embed(argument: _pomona_v1_InferenceEmbedRequest, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  /**
   * One vector of length 1 for each input. INVALID_ARGUMENT when the model makes none.
   */
  embed(argument: _pomona_v1_InferenceEmbedRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  embed(argument: _pomona_v1_InferenceEmbedRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  embed(argument: _pomona_v1_InferenceEmbedRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  embed(argument: _pomona_v1_InferenceEmbedRequest, callback: grpc.requestCallback<_pomona_v1_InferenceEmbedResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Generates text. Ends with exactly one Ending frame; refusals are gRPC errors.
   */
  Generate(argument: _pomona_v1_InferenceGenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceGenerateResponse__Output>;
  Generate(argument: _pomona_v1_InferenceGenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceGenerateResponse__Output>;
  /**
   * Generates text. Ends with exactly one Ending frame; refusals are gRPC errors.
   */
  generate(argument: _pomona_v1_InferenceGenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceGenerateResponse__Output>;
  generate(argument: _pomona_v1_InferenceGenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_InferenceGenerateResponse__Output>;
  
  ListModels(argument: _pomona_v1_ListModelsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  ListModels(argument: _pomona_v1_ListModelsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  ListModels(argument: _pomona_v1_ListModelsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  ListModels(argument: _pomona_v1_ListModelsRequest, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  listModels(argument: _pomona_v1_ListModelsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  listModels(argument: _pomona_v1_ListModelsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  listModels(argument: _pomona_v1_ListModelsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  listModels(argument: _pomona_v1_ListModelsRequest, callback: grpc.requestCallback<_pomona_v1_ListModelsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Which documents say most to a query. INVALID_ARGUMENT when the model ranks nothing.
   */
  Rerank(argument: _pomona_v1_InferenceRerankRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  Rerank(argument: _pomona_v1_InferenceRerankRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  Rerank(argument: _pomona_v1_InferenceRerankRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  Rerank(argument: _pomona_v1_InferenceRerankRequest, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Which documents say most to a query. INVALID_ARGUMENT when the model ranks nothing.
   */
  rerank(argument: _pomona_v1_InferenceRerankRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  rerank(argument: _pomona_v1_InferenceRerankRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  rerank(argument: _pomona_v1_InferenceRerankRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  rerank(argument: _pomona_v1_InferenceRerankRequest, callback: grpc.requestCallback<_pomona_v1_InferenceRerankResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Token ids of a text or of a rendered conversation.
   */
  Tokenize(argument: _pomona_v1_InferenceTokenizeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  Tokenize(argument: _pomona_v1_InferenceTokenizeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  Tokenize(argument: _pomona_v1_InferenceTokenizeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  Tokenize(argument: _pomona_v1_InferenceTokenizeRequest, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Token ids of a text or of a rendered conversation.
   */
  tokenize(argument: _pomona_v1_InferenceTokenizeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  tokenize(argument: _pomona_v1_InferenceTokenizeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  tokenize(argument: _pomona_v1_InferenceTokenizeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  tokenize(argument: _pomona_v1_InferenceTokenizeRequest, callback: grpc.requestCallback<_pomona_v1_InferenceTokenizeResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * What clients call on the coordinator.
 */
export interface InferenceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Takes up a running generation from a token index. NOT_FOUND when it is not running here.
   */
  Attach: grpc.handleServerStreamingCall<_pomona_v1_InferenceAttachRequest__Output, _pomona_v1_InferenceAttachResponse>;
  
  /**
   * Ends a request at once, also one that would wait for its client to come back. Does nothing when it is not here.
   */
  Cancel: grpc.handleUnaryCall<_pomona_v1_InferenceCancelRequest__Output, _pomona_v1_InferenceCancelResponse>;
  
  /**
   * One vector of length 1 for each input. INVALID_ARGUMENT when the model makes none.
   */
  Embed: grpc.handleUnaryCall<_pomona_v1_InferenceEmbedRequest__Output, _pomona_v1_InferenceEmbedResponse>;
  
  /**
   * Generates text. Ends with exactly one Ending frame; refusals are gRPC errors.
   */
  Generate: grpc.handleServerStreamingCall<_pomona_v1_InferenceGenerateRequest__Output, _pomona_v1_InferenceGenerateResponse>;
  
  ListModels: grpc.handleUnaryCall<_pomona_v1_ListModelsRequest__Output, _pomona_v1_ListModelsResponse>;
  
  /**
   * Which documents say most to a query. INVALID_ARGUMENT when the model ranks nothing.
   */
  Rerank: grpc.handleUnaryCall<_pomona_v1_InferenceRerankRequest__Output, _pomona_v1_InferenceRerankResponse>;
  
  /**
   * Token ids of a text or of a rendered conversation.
   */
  Tokenize: grpc.handleUnaryCall<_pomona_v1_InferenceTokenizeRequest__Output, _pomona_v1_InferenceTokenizeResponse>;
  
}

export interface InferenceDefinition extends grpc.ServiceDefinition {
  Attach: MethodDefinition<_pomona_v1_InferenceAttachRequest, _pomona_v1_InferenceAttachResponse, _pomona_v1_InferenceAttachRequest__Output, _pomona_v1_InferenceAttachResponse__Output>
  Cancel: MethodDefinition<_pomona_v1_InferenceCancelRequest, _pomona_v1_InferenceCancelResponse, _pomona_v1_InferenceCancelRequest__Output, _pomona_v1_InferenceCancelResponse__Output>
  Embed: MethodDefinition<_pomona_v1_InferenceEmbedRequest, _pomona_v1_InferenceEmbedResponse, _pomona_v1_InferenceEmbedRequest__Output, _pomona_v1_InferenceEmbedResponse__Output>
  Generate: MethodDefinition<_pomona_v1_InferenceGenerateRequest, _pomona_v1_InferenceGenerateResponse, _pomona_v1_InferenceGenerateRequest__Output, _pomona_v1_InferenceGenerateResponse__Output>
  ListModels: MethodDefinition<_pomona_v1_ListModelsRequest, _pomona_v1_ListModelsResponse, _pomona_v1_ListModelsRequest__Output, _pomona_v1_ListModelsResponse__Output>
  Rerank: MethodDefinition<_pomona_v1_InferenceRerankRequest, _pomona_v1_InferenceRerankResponse, _pomona_v1_InferenceRerankRequest__Output, _pomona_v1_InferenceRerankResponse__Output>
  Tokenize: MethodDefinition<_pomona_v1_InferenceTokenizeRequest, _pomona_v1_InferenceTokenizeResponse, _pomona_v1_InferenceTokenizeRequest__Output, _pomona_v1_InferenceTokenizeResponse__Output>
}
