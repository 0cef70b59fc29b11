// Original file: pomona/v1/node.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelAttemptRequest as _pomona_v1_CancelAttemptRequest, CancelAttemptRequest__Output as _pomona_v1_CancelAttemptRequest__Output } from '../../pomona/v1/CancelAttemptRequest.ts';
import type { CancelAttemptResponse as _pomona_v1_CancelAttemptResponse, CancelAttemptResponse__Output as _pomona_v1_CancelAttemptResponse__Output } from '../../pomona/v1/CancelAttemptResponse.ts';
import type { DrainRequest as _pomona_v1_DrainRequest, DrainRequest__Output as _pomona_v1_DrainRequest__Output } from '../../pomona/v1/DrainRequest.ts';
import type { DrainResponse as _pomona_v1_DrainResponse, DrainResponse__Output as _pomona_v1_DrainResponse__Output } from '../../pomona/v1/DrainResponse.ts';
import type { HoldStateRequest as _pomona_v1_HoldStateRequest, HoldStateRequest__Output as _pomona_v1_HoldStateRequest__Output } from '../../pomona/v1/HoldStateRequest.ts';
import type { HoldStateResponse as _pomona_v1_HoldStateResponse, HoldStateResponse__Output as _pomona_v1_HoldStateResponse__Output } from '../../pomona/v1/HoldStateResponse.ts';
import type { InspectModelRequest as _pomona_v1_InspectModelRequest, InspectModelRequest__Output as _pomona_v1_InspectModelRequest__Output } from '../../pomona/v1/InspectModelRequest.ts';
import type { InspectModelResponse as _pomona_v1_InspectModelResponse, InspectModelResponse__Output as _pomona_v1_InspectModelResponse__Output } from '../../pomona/v1/InspectModelResponse.ts';
import type { KeepAttemptsRequest as _pomona_v1_KeepAttemptsRequest, KeepAttemptsRequest__Output as _pomona_v1_KeepAttemptsRequest__Output } from '../../pomona/v1/KeepAttemptsRequest.ts';
import type { KeepAttemptsResponse as _pomona_v1_KeepAttemptsResponse, KeepAttemptsResponse__Output as _pomona_v1_KeepAttemptsResponse__Output } from '../../pomona/v1/KeepAttemptsResponse.ts';
import type { ListReplicasRequest as _pomona_v1_ListReplicasRequest, ListReplicasRequest__Output as _pomona_v1_ListReplicasRequest__Output } from '../../pomona/v1/ListReplicasRequest.ts';
import type { ListReplicasResponse as _pomona_v1_ListReplicasResponse, ListReplicasResponse__Output as _pomona_v1_ListReplicasResponse__Output } from '../../pomona/v1/ListReplicasResponse.ts';
import type { LoadReplicaRequest as _pomona_v1_LoadReplicaRequest, LoadReplicaRequest__Output as _pomona_v1_LoadReplicaRequest__Output } from '../../pomona/v1/LoadReplicaRequest.ts';
import type { LoadReplicaResponse as _pomona_v1_LoadReplicaResponse, LoadReplicaResponse__Output as _pomona_v1_LoadReplicaResponse__Output } from '../../pomona/v1/LoadReplicaResponse.ts';
import type { NodeAttachRequest as _pomona_v1_NodeAttachRequest, NodeAttachRequest__Output as _pomona_v1_NodeAttachRequest__Output } from '../../pomona/v1/NodeAttachRequest.ts';
import type { NodeAttachResponse as _pomona_v1_NodeAttachResponse, NodeAttachResponse__Output as _pomona_v1_NodeAttachResponse__Output } from '../../pomona/v1/NodeAttachResponse.ts';
import type { NodeEmbedRequest as _pomona_v1_NodeEmbedRequest, NodeEmbedRequest__Output as _pomona_v1_NodeEmbedRequest__Output } from '../../pomona/v1/NodeEmbedRequest.ts';
import type { NodeEmbedResponse as _pomona_v1_NodeEmbedResponse, NodeEmbedResponse__Output as _pomona_v1_NodeEmbedResponse__Output } from '../../pomona/v1/NodeEmbedResponse.ts';
import type { NodeGenerateRequest as _pomona_v1_NodeGenerateRequest, NodeGenerateRequest__Output as _pomona_v1_NodeGenerateRequest__Output } from '../../pomona/v1/NodeGenerateRequest.ts';
import type { NodeGenerateResponse as _pomona_v1_NodeGenerateResponse, NodeGenerateResponse__Output as _pomona_v1_NodeGenerateResponse__Output } from '../../pomona/v1/NodeGenerateResponse.ts';
import type { NodeRankRequest as _pomona_v1_NodeRankRequest, NodeRankRequest__Output as _pomona_v1_NodeRankRequest__Output } from '../../pomona/v1/NodeRankRequest.ts';
import type { NodeRankResponse as _pomona_v1_NodeRankResponse, NodeRankResponse__Output as _pomona_v1_NodeRankResponse__Output } from '../../pomona/v1/NodeRankResponse.ts';
import type { NodeTokenizeRequest as _pomona_v1_NodeTokenizeRequest, NodeTokenizeRequest__Output as _pomona_v1_NodeTokenizeRequest__Output } from '../../pomona/v1/NodeTokenizeRequest.ts';
import type { NodeTokenizeResponse as _pomona_v1_NodeTokenizeResponse, NodeTokenizeResponse__Output as _pomona_v1_NodeTokenizeResponse__Output } from '../../pomona/v1/NodeTokenizeResponse.ts';
import type { PullModelRequest as _pomona_v1_PullModelRequest, PullModelRequest__Output as _pomona_v1_PullModelRequest__Output } from '../../pomona/v1/PullModelRequest.ts';
import type { PullModelResponse as _pomona_v1_PullModelResponse, PullModelResponse__Output as _pomona_v1_PullModelResponse__Output } from '../../pomona/v1/PullModelResponse.ts';
import type { ReadModelFileRequest as _pomona_v1_ReadModelFileRequest, ReadModelFileRequest__Output as _pomona_v1_ReadModelFileRequest__Output } from '../../pomona/v1/ReadModelFileRequest.ts';
import type { ReadModelFileResponse as _pomona_v1_ReadModelFileResponse, ReadModelFileResponse__Output as _pomona_v1_ReadModelFileResponse__Output } from '../../pomona/v1/ReadModelFileResponse.ts';
import type { ReadStateRequest as _pomona_v1_ReadStateRequest, ReadStateRequest__Output as _pomona_v1_ReadStateRequest__Output } from '../../pomona/v1/ReadStateRequest.ts';
import type { ReadStateResponse as _pomona_v1_ReadStateResponse, ReadStateResponse__Output as _pomona_v1_ReadStateResponse__Output } from '../../pomona/v1/ReadStateResponse.ts';
import type { RemoveModelFileRequest as _pomona_v1_RemoveModelFileRequest, RemoveModelFileRequest__Output as _pomona_v1_RemoveModelFileRequest__Output } from '../../pomona/v1/RemoveModelFileRequest.ts';
import type { RemoveModelFileResponse as _pomona_v1_RemoveModelFileResponse, RemoveModelFileResponse__Output as _pomona_v1_RemoveModelFileResponse__Output } from '../../pomona/v1/RemoveModelFileResponse.ts';
import type { UnloadReplicaRequest as _pomona_v1_UnloadReplicaRequest, UnloadReplicaRequest__Output as _pomona_v1_UnloadReplicaRequest__Output } from '../../pomona/v1/UnloadReplicaRequest.ts';
import type { UnloadReplicaResponse as _pomona_v1_UnloadReplicaResponse, UnloadReplicaResponse__Output as _pomona_v1_UnloadReplicaResponse__Output } from '../../pomona/v1/UnloadReplicaResponse.ts';
import type { WatchStatusRequest as _pomona_v1_WatchStatusRequest, WatchStatusRequest__Output as _pomona_v1_WatchStatusRequest__Output } from '../../pomona/v1/WatchStatusRequest.ts';
import type { WatchStatusResponse as _pomona_v1_WatchStatusResponse, WatchStatusResponse__Output as _pomona_v1_WatchStatusResponse__Output } from '../../pomona/v1/WatchStatusResponse.ts';

/**
 * What the coordinator calls on a node-agent. Every call of a coordinator that holds a lease says the lease's term: metadata
 * pomona-term, the cluster's name, a slash and the term, which grows whenever another coordinator becomes the active one.
 * FAILED_PRECONDITION with pomona-code superseded, and the higher term as pomona-term, when the node has heard of one.
 */
export interface NodeClient extends grpc.Client {
  /**
   * Takes up an attempt from a token index, also one that has ended while nobody read it. NOT_FOUND when it is not here.
   */
  Attach(argument: _pomona_v1_NodeAttachRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeAttachResponse__Output>;
  Attach(argument: _pomona_v1_NodeAttachRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeAttachResponse__Output>;
  /**
   * Takes up an attempt from a token index, also one that has ended while nobody read it. NOT_FOUND when it is not here.
   */
  attach(argument: _pomona_v1_NodeAttachRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeAttachResponse__Output>;
  attach(argument: _pomona_v1_NodeAttachRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeAttachResponse__Output>;
  
  /**
   * Ends an attempt at once, whoever reads it. Does nothing when it is not here.
   */
  CancelAttempt(argument: _pomona_v1_CancelAttemptRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  CancelAttempt(argument: _pomona_v1_CancelAttemptRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  CancelAttempt(argument: _pomona_v1_CancelAttemptRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  CancelAttempt(argument: _pomona_v1_CancelAttemptRequest, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends an attempt at once, whoever reads it. Does nothing when it is not here.
   */
  cancelAttempt(argument: _pomona_v1_CancelAttemptRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  cancelAttempt(argument: _pomona_v1_CancelAttemptRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  cancelAttempt(argument: _pomona_v1_CancelAttemptRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  cancelAttempt(argument: _pomona_v1_CancelAttemptRequest, callback: grpc.requestCallback<_pomona_v1_CancelAttemptResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Says in every heartbeat from now on that this node takes no new work, or that it does again.
   */
  Drain(argument: _pomona_v1_DrainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  Drain(argument: _pomona_v1_DrainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  Drain(argument: _pomona_v1_DrainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  Drain(argument: _pomona_v1_DrainRequest, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Says in every heartbeat from now on that this node takes no new work, or that it does again.
   */
  drain(argument: _pomona_v1_DrainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _pomona_v1_DrainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _pomona_v1_DrainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _pomona_v1_DrainRequest, callback: grpc.requestCallback<_pomona_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * One vector of length 1 for each input. FAILED_PRECONDITION when the replica makes none.
   */
  Embed(argument: _pomona_v1_NodeEmbedRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  Embed(argument: _pomona_v1_NodeEmbedRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  Embed(argument: _pomona_v1_NodeEmbedRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  Embed(argument: _pomona_v1_NodeEmbedRequest, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  /**
   * One vector of length 1 for each input. FAILED_PRECONDITION when the replica makes none.
   */
  embed(argument: _pomona_v1_NodeEmbedRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  embed(argument: _pomona_v1_NodeEmbedRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  embed(argument: _pomona_v1_NodeEmbedRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  embed(argument: _pomona_v1_NodeEmbedRequest, callback: grpc.requestCallback<_pomona_v1_NodeEmbedResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Runs one attempt (request id, epoch) on a replica. The frames are one Accepted, PrefillProgress
   * after each prefill chunk, tokens, and exactly one Ending. Cancelling the call cancels the attempt.
   * RESOURCE_EXHAUSTED when no slot is free, NOT_FOUND when the replica is not here.
   */
  Generate(argument: _pomona_v1_NodeGenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeGenerateResponse__Output>;
  Generate(argument: _pomona_v1_NodeGenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeGenerateResponse__Output>;
  /**
   * Runs one attempt (request id, epoch) on a replica. The frames are one Accepted, PrefillProgress
   * after each prefill chunk, tokens, and exactly one Ending. Cancelling the call cancels the attempt.
   * RESOURCE_EXHAUSTED when no slot is free, NOT_FOUND when the replica is not here.
   */
  generate(argument: _pomona_v1_NodeGenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeGenerateResponse__Output>;
  generate(argument: _pomona_v1_NodeGenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_NodeGenerateResponse__Output>;
  
  /**
   * Fetches the KV of a running attempt from the node at `peer`, answers once when it is here, and keeps it until the call
   * ends, or for ten minutes: the request goes on here without its prompt being evaluated again. FAILED_PRECONDITION when
   * the replicas are not equal, RESOURCE_EXHAUSTED when it does not fit.
   */
  HoldState(argument: _pomona_v1_HoldStateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_HoldStateResponse__Output>;
  HoldState(argument: _pomona_v1_HoldStateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_HoldStateResponse__Output>;
  /**
   * Fetches the KV of a running attempt from the node at `peer`, answers once when it is here, and keeps it until the call
   * ends, or for ten minutes: the request goes on here without its prompt being evaluated again. FAILED_PRECONDITION when
   * the replicas are not equal, RESOURCE_EXHAUSTED when it does not fit.
   */
  holdState(argument: _pomona_v1_HoldStateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_HoldStateResponse__Output>;
  holdState(argument: _pomona_v1_HoldStateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_HoldStateResponse__Output>;
  
  /**
   * What a source is: its files, and the headers that tell what it needs. Loads and downloads nothing else.
   */
  InspectModel(argument: _pomona_v1_InspectModelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  InspectModel(argument: _pomona_v1_InspectModelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  InspectModel(argument: _pomona_v1_InspectModelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  InspectModel(argument: _pomona_v1_InspectModelRequest, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  /**
   * What a source is: its files, and the headers that tell what it needs. Loads and downloads nothing else.
   */
  inspectModel(argument: _pomona_v1_InspectModelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  inspectModel(argument: _pomona_v1_InspectModelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  inspectModel(argument: _pomona_v1_InspectModelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  inspectModel(argument: _pomona_v1_InspectModelRequest, callback: grpc.requestCallback<_pomona_v1_InspectModelResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Ends every attempt that is not named: what a coordinator says first to a node that it reaches again.
   */
  KeepAttempts(argument: _pomona_v1_KeepAttemptsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  KeepAttempts(argument: _pomona_v1_KeepAttemptsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  KeepAttempts(argument: _pomona_v1_KeepAttemptsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  KeepAttempts(argument: _pomona_v1_KeepAttemptsRequest, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends every attempt that is not named: what a coordinator says first to a node that it reaches again.
   */
  keepAttempts(argument: _pomona_v1_KeepAttemptsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  keepAttempts(argument: _pomona_v1_KeepAttemptsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  keepAttempts(argument: _pomona_v1_KeepAttemptsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  keepAttempts(argument: _pomona_v1_KeepAttemptsRequest, callback: grpc.requestCallback<_pomona_v1_KeepAttemptsResponse__Output>): grpc.ClientUnaryCall;
  
  ListReplicas(argument: _pomona_v1_ListReplicasRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  ListReplicas(argument: _pomona_v1_ListReplicasRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  ListReplicas(argument: _pomona_v1_ListReplicasRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  ListReplicas(argument: _pomona_v1_ListReplicasRequest, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  listReplicas(argument: _pomona_v1_ListReplicasRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  listReplicas(argument: _pomona_v1_ListReplicasRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  listReplicas(argument: _pomona_v1_ListReplicasRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  listReplicas(argument: _pomona_v1_ListReplicasRequest, callback: grpc.requestCallback<_pomona_v1_ListReplicasResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Loads a model into memory; answers when the replica is ready. Loading the same replica id again
   * with the same specification waits for the same load.
   */
  LoadReplica(argument: _pomona_v1_LoadReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  LoadReplica(argument: _pomona_v1_LoadReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  LoadReplica(argument: _pomona_v1_LoadReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  LoadReplica(argument: _pomona_v1_LoadReplicaRequest, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Loads a model into memory; answers when the replica is ready. Loading the same replica id again
   * with the same specification waits for the same load.
   */
  loadReplica(argument: _pomona_v1_LoadReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  loadReplica(argument: _pomona_v1_LoadReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  loadReplica(argument: _pomona_v1_LoadReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  loadReplica(argument: _pomona_v1_LoadReplicaRequest, callback: grpc.requestCallback<_pomona_v1_LoadReplicaResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Brings files into this node's store, from other nodes or else from their source. Tells its progress; ends when every
   * file was verified. A second call for the same files joins the first. Cancelling the last call stops it, and what
   * came so far is kept.
   */
  PullModel(argument: _pomona_v1_PullModelRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_PullModelResponse__Output>;
  PullModel(argument: _pomona_v1_PullModelRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_PullModelResponse__Output>;
  /**
   * Brings files into this node's store, from other nodes or else from their source. Tells its progress; ends when every
   * file was verified. A second call for the same files joins the first. Cancelling the last call stops it, and what
   * came so far is kept.
   */
  pullModel(argument: _pomona_v1_PullModelRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_PullModelResponse__Output>;
  pullModel(argument: _pomona_v1_PullModelRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_PullModelResponse__Output>;
  
  /**
   * How relevant each document is to a query. FAILED_PRECONDITION when the model ranks nothing.
   */
  Rank(argument: _pomona_v1_NodeRankRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  Rank(argument: _pomona_v1_NodeRankRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  Rank(argument: _pomona_v1_NodeRankRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  Rank(argument: _pomona_v1_NodeRankRequest, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  /**
   * How relevant each document is to a query. FAILED_PRECONDITION when the model ranks nothing.
   */
  rank(argument: _pomona_v1_NodeRankRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  rank(argument: _pomona_v1_NodeRankRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  rank(argument: _pomona_v1_NodeRankRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  rank(argument: _pomona_v1_NodeRankRequest, callback: grpc.requestCallback<_pomona_v1_NodeRankResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * What this node has verified of a file, in whole chunks with their hashes, also while it pulls the rest. NOT_FOUND when
   * nothing of it is here. Ends early, without an error, where no more can be sent now.
   */
  ReadModelFile(argument: _pomona_v1_ReadModelFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadModelFileResponse__Output>;
  ReadModelFile(argument: _pomona_v1_ReadModelFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadModelFileResponse__Output>;
  /**
   * What this node has verified of a file, in whole chunks with their hashes, also while it pulls the rest. NOT_FOUND when
   * nothing of it is here. Ends early, without an error, where no more can be sent now.
   */
  readModelFile(argument: _pomona_v1_ReadModelFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadModelFileResponse__Output>;
  readModelFile(argument: _pomona_v1_ReadModelFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadModelFileResponse__Output>;
  
  /**
   * The KV of an attempt that runs here, as far as it has come. FAILED_PRECONDITION while its prompt is evaluated.
   */
  ReadState(argument: _pomona_v1_ReadStateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadStateResponse__Output>;
  ReadState(argument: _pomona_v1_ReadStateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadStateResponse__Output>;
  /**
   * The KV of an attempt that runs here, as far as it has come. FAILED_PRECONDITION while its prompt is evaluated.
   */
  readState(argument: _pomona_v1_ReadStateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadStateResponse__Output>;
  readState(argument: _pomona_v1_ReadStateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_ReadStateResponse__Output>;
  
  /**
   * Takes a file out of this node's store. FAILED_PRECONDITION while a replica uses it.
   */
  RemoveModelFile(argument: _pomona_v1_RemoveModelFileRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  RemoveModelFile(argument: _pomona_v1_RemoveModelFileRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  RemoveModelFile(argument: _pomona_v1_RemoveModelFileRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  RemoveModelFile(argument: _pomona_v1_RemoveModelFileRequest, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Takes a file out of this node's store. FAILED_PRECONDITION while a replica uses it.
   */
  removeModelFile(argument: _pomona_v1_RemoveModelFileRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  removeModelFile(argument: _pomona_v1_RemoveModelFileRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  removeModelFile(argument: _pomona_v1_RemoveModelFileRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  removeModelFile(argument: _pomona_v1_RemoveModelFileRequest, callback: grpc.requestCallback<_pomona_v1_RemoveModelFileResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Renders the model's chat template where a conversation is given, and tokenizes. Text of a message
   * never becomes a special token; in a prompt that is text they are read.
   */
  Tokenize(argument: _pomona_v1_NodeTokenizeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  Tokenize(argument: _pomona_v1_NodeTokenizeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  Tokenize(argument: _pomona_v1_NodeTokenizeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  Tokenize(argument: _pomona_v1_NodeTokenizeRequest, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Renders the model's chat template where a conversation is given, and tokenizes. Text of a message
   * never becomes a special token; in a prompt that is text they are read.
   */
  tokenize(argument: _pomona_v1_NodeTokenizeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  tokenize(argument: _pomona_v1_NodeTokenizeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  tokenize(argument: _pomona_v1_NodeTokenizeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  tokenize(argument: _pomona_v1_NodeTokenizeRequest, callback: grpc.requestCallback<_pomona_v1_NodeTokenizeResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Ends the replica's process; its running requests end with a retryable error.
   */
  UnloadReplica(argument: _pomona_v1_UnloadReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  UnloadReplica(argument: _pomona_v1_UnloadReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  UnloadReplica(argument: _pomona_v1_UnloadReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  UnloadReplica(argument: _pomona_v1_UnloadReplicaRequest, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Ends the replica's process; its running requests end with a retryable error.
   */
  unloadReplica(argument: _pomona_v1_UnloadReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  unloadReplica(argument: _pomona_v1_UnloadReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  unloadReplica(argument: _pomona_v1_UnloadReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  unloadReplica(argument: _pomona_v1_UnloadReplicaRequest, callback: grpc.requestCallback<_pomona_v1_UnloadReplicaResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The heartbeat as a stream, for when NATS is away: one status at once, then one per heartbeat.
   */
  WatchStatus(argument: _pomona_v1_WatchStatusRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchStatusResponse__Output>;
  WatchStatus(argument: _pomona_v1_WatchStatusRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchStatusResponse__Output>;
  /**
   * The heartbeat as a stream, for when NATS is away: one status at once, then one per heartbeat.
   */
  watchStatus(argument: _pomona_v1_WatchStatusRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchStatusResponse__Output>;
  watchStatus(argument: _pomona_v1_WatchStatusRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchStatusResponse__Output>;
  
}

/**
 * What the coordinator calls on a node-agent. Every call of a coordinator that holds a lease says the lease's term: metadata
 * pomona-term, the cluster's name, a slash and the term, which grows whenever another coordinator becomes the active one.
 * FAILED_PRECONDITION with pomona-code superseded, and the higher term as pomona-term, when the node has heard of one.
 */
export interface NodeHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Takes up an attempt from a token index, also one that has ended while nobody read it. NOT_FOUND when it is not here.
   */
  Attach: grpc.handleServerStreamingCall<_pomona_v1_NodeAttachRequest__Output, _pomona_v1_NodeAttachResponse>;
  
  /**
   * Ends an attempt at once, whoever reads it. Does nothing when it is not here.
   */
  CancelAttempt: grpc.handleUnaryCall<_pomona_v1_CancelAttemptRequest__Output, _pomona_v1_CancelAttemptResponse>;
  
  /**
   * Says in every heartbeat from now on that this node takes no new work, or that it does again.
   */
  Drain: grpc.handleUnaryCall<_pomona_v1_DrainRequest__Output, _pomona_v1_DrainResponse>;
  
  /**
   * One vector of length 1 for each input. FAILED_PRECONDITION when the replica makes none.
   */
  Embed: grpc.handleUnaryCall<_pomona_v1_NodeEmbedRequest__Output, _pomona_v1_NodeEmbedResponse>;
  
  /**
   * Runs one attempt (request id, epoch) on a replica. The frames are one Accepted, PrefillProgress
   * after each prefill chunk, tokens, and exactly one Ending. Cancelling the call cancels the attempt.
   * RESOURCE_EXHAUSTED when no slot is free, NOT_FOUND when the replica is not here.
   */
  Generate: grpc.handleServerStreamingCall<_pomona_v1_NodeGenerateRequest__Output, _pomona_v1_NodeGenerateResponse>;
  
  /**
   * Fetches the KV of a running attempt from the node at `peer`, answers once when it is here, and keeps it until the call
   * ends, or for ten minutes: the request goes on here without its prompt being evaluated again. FAILED_PRECONDITION when
   * the replicas are not equal, RESOURCE_EXHAUSTED when it does not fit.
   */
  HoldState: grpc.handleServerStreamingCall<_pomona_v1_HoldStateRequest__Output, _pomona_v1_HoldStateResponse>;
  
  /**
   * What a source is: its files, and the headers that tell what it needs. Loads and downloads nothing else.
   */
  InspectModel: grpc.handleUnaryCall<_pomona_v1_InspectModelRequest__Output, _pomona_v1_InspectModelResponse>;
  
  /**
   * Ends every attempt that is not named: what a coordinator says first to a node that it reaches again.
   */
  KeepAttempts: grpc.handleUnaryCall<_pomona_v1_KeepAttemptsRequest__Output, _pomona_v1_KeepAttemptsResponse>;
  
  ListReplicas: grpc.handleUnaryCall<_pomona_v1_ListReplicasRequest__Output, _pomona_v1_ListReplicasResponse>;
  
  /**
   * Loads a model into memory; answers when the replica is ready. Loading the same replica id again
   * with the same specification waits for the same load.
   */
  LoadReplica: grpc.handleUnaryCall<_pomona_v1_LoadReplicaRequest__Output, _pomona_v1_LoadReplicaResponse>;
  
  /**
   * Brings files into this node's store, from other nodes or else from their source. Tells its progress; ends when every
   * file was verified. A second call for the same files joins the first. Cancelling the last call stops it, and what
   * came so far is kept.
   */
  PullModel: grpc.handleServerStreamingCall<_pomona_v1_PullModelRequest__Output, _pomona_v1_PullModelResponse>;
  
  /**
   * How relevant each document is to a query. FAILED_PRECONDITION when the model ranks nothing.
   */
  Rank: grpc.handleUnaryCall<_pomona_v1_NodeRankRequest__Output, _pomona_v1_NodeRankResponse>;
  
  /**
   * What this node has verified of a file, in whole chunks with their hashes, also while it pulls the rest. NOT_FOUND when
   * nothing of it is here. Ends early, without an error, where no more can be sent now.
   */
  ReadModelFile: grpc.handleServerStreamingCall<_pomona_v1_ReadModelFileRequest__Output, _pomona_v1_ReadModelFileResponse>;
  
  /**
   * The KV of an attempt that runs here, as far as it has come. FAILED_PRECONDITION while its prompt is evaluated.
   */
  ReadState: grpc.handleServerStreamingCall<_pomona_v1_ReadStateRequest__Output, _pomona_v1_ReadStateResponse>;
  
  /**
   * Takes a file out of this node's store. FAILED_PRECONDITION while a replica uses it.
   */
  RemoveModelFile: grpc.handleUnaryCall<_pomona_v1_RemoveModelFileRequest__Output, _pomona_v1_RemoveModelFileResponse>;
  
  /**
   * Renders the model's chat template where a conversation is given, and tokenizes. Text of a message
   * never becomes a special token; in a prompt that is text they are read.
   */
  Tokenize: grpc.handleUnaryCall<_pomona_v1_NodeTokenizeRequest__Output, _pomona_v1_NodeTokenizeResponse>;
  
  /**
   * Ends the replica's process; its running requests end with a retryable error.
   */
  UnloadReplica: grpc.handleUnaryCall<_pomona_v1_UnloadReplicaRequest__Output, _pomona_v1_UnloadReplicaResponse>;
  
  /**
   * The heartbeat as a stream, for when NATS is away: one status at once, then one per heartbeat.
   */
  WatchStatus: grpc.handleServerStreamingCall<_pomona_v1_WatchStatusRequest__Output, _pomona_v1_WatchStatusResponse>;
  
}

export interface NodeDefinition extends grpc.ServiceDefinition {
  Attach: MethodDefinition<_pomona_v1_NodeAttachRequest, _pomona_v1_NodeAttachResponse, _pomona_v1_NodeAttachRequest__Output, _pomona_v1_NodeAttachResponse__Output>
  CancelAttempt: MethodDefinition<_pomona_v1_CancelAttemptRequest, _pomona_v1_CancelAttemptResponse, _pomona_v1_CancelAttemptRequest__Output, _pomona_v1_CancelAttemptResponse__Output>
  Drain: MethodDefinition<_pomona_v1_DrainRequest, _pomona_v1_DrainResponse, _pomona_v1_DrainRequest__Output, _pomona_v1_DrainResponse__Output>
  Embed: MethodDefinition<_pomona_v1_NodeEmbedRequest, _pomona_v1_NodeEmbedResponse, _pomona_v1_NodeEmbedRequest__Output, _pomona_v1_NodeEmbedResponse__Output>
  Generate: MethodDefinition<_pomona_v1_NodeGenerateRequest, _pomona_v1_NodeGenerateResponse, _pomona_v1_NodeGenerateRequest__Output, _pomona_v1_NodeGenerateResponse__Output>
  HoldState: MethodDefinition<_pomona_v1_HoldStateRequest, _pomona_v1_HoldStateResponse, _pomona_v1_HoldStateRequest__Output, _pomona_v1_HoldStateResponse__Output>
  InspectModel: MethodDefinition<_pomona_v1_InspectModelRequest, _pomona_v1_InspectModelResponse, _pomona_v1_InspectModelRequest__Output, _pomona_v1_InspectModelResponse__Output>
  KeepAttempts: MethodDefinition<_pomona_v1_KeepAttemptsRequest, _pomona_v1_KeepAttemptsResponse, _pomona_v1_KeepAttemptsRequest__Output, _pomona_v1_KeepAttemptsResponse__Output>
  ListReplicas: MethodDefinition<_pomona_v1_ListReplicasRequest, _pomona_v1_ListReplicasResponse, _pomona_v1_ListReplicasRequest__Output, _pomona_v1_ListReplicasResponse__Output>
  LoadReplica: MethodDefinition<_pomona_v1_LoadReplicaRequest, _pomona_v1_LoadReplicaResponse, _pomona_v1_LoadReplicaRequest__Output, _pomona_v1_LoadReplicaResponse__Output>
  PullModel: MethodDefinition<_pomona_v1_PullModelRequest, _pomona_v1_PullModelResponse, _pomona_v1_PullModelRequest__Output, _pomona_v1_PullModelResponse__Output>
  Rank: MethodDefinition<_pomona_v1_NodeRankRequest, _pomona_v1_NodeRankResponse, _pomona_v1_NodeRankRequest__Output, _pomona_v1_NodeRankResponse__Output>
  ReadModelFile: MethodDefinition<_pomona_v1_ReadModelFileRequest, _pomona_v1_ReadModelFileResponse, _pomona_v1_ReadModelFileRequest__Output, _pomona_v1_ReadModelFileResponse__Output>
  ReadState: MethodDefinition<_pomona_v1_ReadStateRequest, _pomona_v1_ReadStateResponse, _pomona_v1_ReadStateRequest__Output, _pomona_v1_ReadStateResponse__Output>
  RemoveModelFile: MethodDefinition<_pomona_v1_RemoveModelFileRequest, _pomona_v1_RemoveModelFileResponse, _pomona_v1_RemoveModelFileRequest__Output, _pomona_v1_RemoveModelFileResponse__Output>
  Tokenize: MethodDefinition<_pomona_v1_NodeTokenizeRequest, _pomona_v1_NodeTokenizeResponse, _pomona_v1_NodeTokenizeRequest__Output, _pomona_v1_NodeTokenizeResponse__Output>
  UnloadReplica: MethodDefinition<_pomona_v1_UnloadReplicaRequest, _pomona_v1_UnloadReplicaResponse, _pomona_v1_UnloadReplicaRequest__Output, _pomona_v1_UnloadReplicaResponse__Output>
  WatchStatus: MethodDefinition<_pomona_v1_WatchStatusRequest, _pomona_v1_WatchStatusResponse, _pomona_v1_WatchStatusRequest__Output, _pomona_v1_WatchStatusResponse__Output>
}
