// Original file: pomona/v1/cluster.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ExplainRequestRequest as _pomona_v1_ExplainRequestRequest, ExplainRequestRequest__Output as _pomona_v1_ExplainRequestRequest__Output } from '../../pomona/v1/ExplainRequestRequest.ts';
import type { ExplainRequestResponse as _pomona_v1_ExplainRequestResponse, ExplainRequestResponse__Output as _pomona_v1_ExplainRequestResponse__Output } from '../../pomona/v1/ExplainRequestResponse.ts';
import type { ForgetNodeRequest as _pomona_v1_ForgetNodeRequest, ForgetNodeRequest__Output as _pomona_v1_ForgetNodeRequest__Output } from '../../pomona/v1/ForgetNodeRequest.ts';
import type { ForgetNodeResponse as _pomona_v1_ForgetNodeResponse, ForgetNodeResponse__Output as _pomona_v1_ForgetNodeResponse__Output } from '../../pomona/v1/ForgetNodeResponse.ts';
import type { GetStatusRequest as _pomona_v1_GetStatusRequest, GetStatusRequest__Output as _pomona_v1_GetStatusRequest__Output } from '../../pomona/v1/GetStatusRequest.ts';
import type { GetStatusResponse as _pomona_v1_GetStatusResponse, GetStatusResponse__Output as _pomona_v1_GetStatusResponse__Output } from '../../pomona/v1/GetStatusResponse.ts';
import type { ListNodesRequest as _pomona_v1_ListNodesRequest, ListNodesRequest__Output as _pomona_v1_ListNodesRequest__Output } from '../../pomona/v1/ListNodesRequest.ts';
import type { ListNodesResponse as _pomona_v1_ListNodesResponse, ListNodesResponse__Output as _pomona_v1_ListNodesResponse__Output } from '../../pomona/v1/ListNodesResponse.ts';
import type { RegisterRequest as _pomona_v1_RegisterRequest, RegisterRequest__Output as _pomona_v1_RegisterRequest__Output } from '../../pomona/v1/RegisterRequest.ts';
import type { RegisterResponse as _pomona_v1_RegisterResponse, RegisterResponse__Output as _pomona_v1_RegisterResponse__Output } from '../../pomona/v1/RegisterResponse.ts';

/**
 * Membership and the state of the pool, on the coordinator.
 */
export interface ClusterClient extends grpc.Client {
  /**
   * Why a request went where it went. NOT_FOUND when it is not among the last 1,000.
   */
  ExplainRequest(argument: _pomona_v1_ExplainRequestRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  ExplainRequest(argument: _pomona_v1_ExplainRequestRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  ExplainRequest(argument: _pomona_v1_ExplainRequestRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  ExplainRequest(argument: _pomona_v1_ExplainRequestRequest, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Why a request went where it went. NOT_FOUND when it is not among the last 1,000.
   */
  explainRequest(argument: _pomona_v1_ExplainRequestRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  explainRequest(argument: _pomona_v1_ExplainRequestRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  explainRequest(argument: _pomona_v1_ExplainRequestRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  explainRequest(argument: _pomona_v1_ExplainRequestRequest, callback: grpc.requestCallback<_pomona_v1_ExplainRequestResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Takes a dead node off the list. FAILED_PRECONDITION when it is alive.
   */
  ForgetNode(argument: _pomona_v1_ForgetNodeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  ForgetNode(argument: _pomona_v1_ForgetNodeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  ForgetNode(argument: _pomona_v1_ForgetNodeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  ForgetNode(argument: _pomona_v1_ForgetNodeRequest, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Takes a dead node off the list. FAILED_PRECONDITION when it is alive.
   */
  forgetNode(argument: _pomona_v1_ForgetNodeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  forgetNode(argument: _pomona_v1_ForgetNodeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  forgetNode(argument: _pomona_v1_ForgetNodeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  forgetNode(argument: _pomona_v1_ForgetNodeRequest, callback: grpc.requestCallback<_pomona_v1_ForgetNodeResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The pool at a glance: nodes, models, queue.
   */
  GetStatus(argument: _pomona_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _pomona_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _pomona_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _pomona_v1_GetStatusRequest, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The pool at a glance: nodes, models, queue.
   */
  getStatus(argument: _pomona_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _pomona_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _pomona_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _pomona_v1_GetStatusRequest, callback: grpc.requestCallback<_pomona_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  
  ListNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _pomona_v1_ListNodesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _pomona_v1_ListNodesRequest, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * A node-agent makes itself known and learns the pool. The coordinator then watches its status.
   */
  Register(argument: _pomona_v1_RegisterRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  Register(argument: _pomona_v1_RegisterRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  Register(argument: _pomona_v1_RegisterRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  Register(argument: _pomona_v1_RegisterRequest, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  /**
   * A node-agent makes itself known and learns the pool. The coordinator then watches its status.
   */
  register(argument: _pomona_v1_RegisterRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _pomona_v1_RegisterRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _pomona_v1_RegisterRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  register(argument: _pomona_v1_RegisterRequest, callback: grpc.requestCallback<_pomona_v1_RegisterResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * Membership and the state of the pool, on the coordinator.
 */
export interface ClusterHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Why a request went where it went. NOT_FOUND when it is not among the last 1,000.
   */
  ExplainRequest: grpc.handleUnaryCall<_pomona_v1_ExplainRequestRequest__Output, _pomona_v1_ExplainRequestResponse>;
  
  /**
   * Takes a dead node off the list. FAILED_PRECONDITION when it is alive.
   */
  ForgetNode: grpc.handleUnaryCall<_pomona_v1_ForgetNodeRequest__Output, _pomona_v1_ForgetNodeResponse>;
  
  /**
   * The pool at a glance: nodes, models, queue.
   */
  GetStatus: grpc.handleUnaryCall<_pomona_v1_GetStatusRequest__Output, _pomona_v1_GetStatusResponse>;
  
  ListNodes: grpc.handleUnaryCall<_pomona_v1_ListNodesRequest__Output, _pomona_v1_ListNodesResponse>;
  
  /**
   * A node-agent makes itself known and learns the pool. The coordinator then watches its status.
   */
  Register: grpc.handleUnaryCall<_pomona_v1_RegisterRequest__Output, _pomona_v1_RegisterResponse>;
  
}

export interface ClusterDefinition extends grpc.ServiceDefinition {
  ExplainRequest: MethodDefinition<_pomona_v1_ExplainRequestRequest, _pomona_v1_ExplainRequestResponse, _pomona_v1_ExplainRequestRequest__Output, _pomona_v1_ExplainRequestResponse__Output>
  ForgetNode: MethodDefinition<_pomona_v1_ForgetNodeRequest, _pomona_v1_ForgetNodeResponse, _pomona_v1_ForgetNodeRequest__Output, _pomona_v1_ForgetNodeResponse__Output>
  GetStatus: MethodDefinition<_pomona_v1_GetStatusRequest, _pomona_v1_GetStatusResponse, _pomona_v1_GetStatusRequest__Output, _pomona_v1_GetStatusResponse__Output>
  ListNodes: MethodDefinition<_pomona_v1_ListNodesRequest, _pomona_v1_ListNodesResponse, _pomona_v1_ListNodesRequest__Output, _pomona_v1_ListNodesResponse__Output>
  Register: MethodDefinition<_pomona_v1_RegisterRequest, _pomona_v1_RegisterResponse, _pomona_v1_RegisterRequest__Output, _pomona_v1_RegisterResponse__Output>
}
