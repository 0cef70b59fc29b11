// Original file: pomona/v1/cluster.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ExplainRequestRequest as _pomona_v1_ExplainRequestRequest, ExplainRequestRequest__Output as _pomona_v1_ExplainRequestRequest__Output } from '../../pomona/v1/ExplainRequestRequest.ts';
import type { ExplainRequestResponse as _pomona_v1_ExplainRequestResponse, ExplainRequestResponse__Output as _pomona_v1_ExplainRequestResponse__Output } from '../../pomona/v1/ExplainRequestResponse.ts';
import type { ForgetNodeRequest as _pomona_v1_ForgetNodeRequest, ForgetNodeRequest__Output as _pomona_v1_ForgetNodeRequest__Output } from '../../pomona/v1/ForgetNodeRequest.ts';
import type { ForgetNodeResponse as _pomona_v1_ForgetNodeResponse, ForgetNodeResponse__Output as _pomona_v1_ForgetNodeResponse__Output } from '../../pomona/v1/ForgetNodeResponse.ts';
import type { GetStatusRequest as _pomona_v1_GetStatusRequest, GetStatusRequest__Output as _pomona_v1_GetStatusRequest__Output } from '../../pomona/v1/GetStatusRequest.ts';
import type { GetStatusResponse as _pomona_v1_GetStatusResponse, GetStatusResponse__Output as _pomona_v1_GetStatusResponse__Output } from '../../pomona/v1/GetStatusResponse.ts';
import type { ListDeploymentsRequest as _pomona_v1_ListDeploymentsRequest, ListDeploymentsRequest__Output as _pomona_v1_ListDeploymentsRequest__Output } from '../../pomona/v1/ListDeploymentsRequest.ts';
import type { ListDeploymentsResponse as _pomona_v1_ListDeploymentsResponse, ListDeploymentsResponse__Output as _pomona_v1_ListDeploymentsResponse__Output } from '../../pomona/v1/ListDeploymentsResponse.ts';
import type { ListNodesRequest as _pomona_v1_ListNodesRequest, ListNodesRequest__Output as _pomona_v1_ListNodesRequest__Output } from '../../pomona/v1/ListNodesRequest.ts';
import type { ListNodesResponse as _pomona_v1_ListNodesResponse, ListNodesResponse__Output as _pomona_v1_ListNodesResponse__Output } from '../../pomona/v1/ListNodesResponse.ts';
import type { PlanPlacementRequest as _pomona_v1_PlanPlacementRequest, PlanPlacementRequest__Output as _pomona_v1_PlanPlacementRequest__Output } from '../../pomona/v1/PlanPlacementRequest.ts';
import type { PlanPlacementResponse as _pomona_v1_PlanPlacementResponse, PlanPlacementResponse__Output as _pomona_v1_PlanPlacementResponse__Output } from '../../pomona/v1/PlanPlacementResponse.ts';
import type { PutDeploymentRequest as _pomona_v1_PutDeploymentRequest, PutDeploymentRequest__Output as _pomona_v1_PutDeploymentRequest__Output } from '../../pomona/v1/PutDeploymentRequest.ts';
import type { PutDeploymentResponse as _pomona_v1_PutDeploymentResponse, PutDeploymentResponse__Output as _pomona_v1_PutDeploymentResponse__Output } from '../../pomona/v1/PutDeploymentResponse.ts';
import type { PutNodeSettingsRequest as _pomona_v1_PutNodeSettingsRequest, PutNodeSettingsRequest__Output as _pomona_v1_PutNodeSettingsRequest__Output } from '../../pomona/v1/PutNodeSettingsRequest.ts';
import type { PutNodeSettingsResponse as _pomona_v1_PutNodeSettingsResponse, PutNodeSettingsResponse__Output as _pomona_v1_PutNodeSettingsResponse__Output } from '../../pomona/v1/PutNodeSettingsResponse.ts';
import type { RegisterRequest as _pomona_v1_RegisterRequest, RegisterRequest__Output as _pomona_v1_RegisterRequest__Output } from '../../pomona/v1/RegisterRequest.ts';
import type { RegisterResponse as _pomona_v1_RegisterResponse, RegisterResponse__Output as _pomona_v1_RegisterResponse__Output } from '../../pomona/v1/RegisterResponse.ts';
import type { RemoveDeploymentRequest as _pomona_v1_RemoveDeploymentRequest, RemoveDeploymentRequest__Output as _pomona_v1_RemoveDeploymentRequest__Output } from '../../pomona/v1/RemoveDeploymentRequest.ts';
import type { RemoveDeploymentResponse as _pomona_v1_RemoveDeploymentResponse, RemoveDeploymentResponse__Output as _pomona_v1_RemoveDeploymentResponse__Output } from '../../pomona/v1/RemoveDeploymentResponse.ts';
import type { WatchEventsRequest as _pomona_v1_WatchEventsRequest, WatchEventsRequest__Output as _pomona_v1_WatchEventsRequest__Output } from '../../pomona/v1/WatchEventsRequest.ts';
import type { WatchEventsResponse as _pomona_v1_WatchEventsResponse, WatchEventsResponse__Output as _pomona_v1_WatchEventsResponse__Output } from '../../pomona/v1/WatchEventsResponse.ts';

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
  
  /**
   * Desired state: what should run. Every answer and every event carries the revision to edit it by.
   */
  ListDeployments(argument: _pomona_v1_ListDeploymentsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  ListDeployments(argument: _pomona_v1_ListDeploymentsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  ListDeployments(argument: _pomona_v1_ListDeploymentsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  ListDeployments(argument: _pomona_v1_ListDeploymentsRequest, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Desired state: what should run. Every answer and every event carries the revision to edit it by.
   */
  listDeployments(argument: _pomona_v1_ListDeploymentsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  listDeployments(argument: _pomona_v1_ListDeploymentsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  listDeployments(argument: _pomona_v1_ListDeploymentsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  listDeployments(argument: _pomona_v1_ListDeploymentsRequest, callback: grpc.requestCallback<_pomona_v1_ListDeploymentsResponse__Output>): grpc.ClientUnaryCall;
  
  ListNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _pomona_v1_ListNodesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _pomona_v1_ListNodesRequest, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _pomona_v1_ListNodesRequest, callback: grpc.requestCallback<_pomona_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Where models are and would go, what does not fit, and what is lost with each node. Changes nothing.
   */
  PlanPlacement(argument: _pomona_v1_PlanPlacementRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  PlanPlacement(argument: _pomona_v1_PlanPlacementRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  PlanPlacement(argument: _pomona_v1_PlanPlacementRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  PlanPlacement(argument: _pomona_v1_PlanPlacementRequest, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Where models are and would go, what does not fit, and what is lost with each node. Changes nothing.
   */
  planPlacement(argument: _pomona_v1_PlanPlacementRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  planPlacement(argument: _pomona_v1_PlanPlacementRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  planPlacement(argument: _pomona_v1_PlanPlacementRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  planPlacement(argument: _pomona_v1_PlanPlacementRequest, callback: grpc.requestCallback<_pomona_v1_PlanPlacementResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Adds or replaces a deployment. ABORTED when somebody else was faster: read it again.
   */
  PutDeployment(argument: _pomona_v1_PutDeploymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  PutDeployment(argument: _pomona_v1_PutDeploymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  PutDeployment(argument: _pomona_v1_PutDeploymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  PutDeployment(argument: _pomona_v1_PutDeploymentRequest, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Adds or replaces a deployment. ABORTED when somebody else was faster: read it again.
   */
  putDeployment(argument: _pomona_v1_PutDeploymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  putDeployment(argument: _pomona_v1_PutDeploymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  putDeployment(argument: _pomona_v1_PutDeploymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  putDeployment(argument: _pomona_v1_PutDeploymentRequest, callback: grpc.requestCallback<_pomona_v1_PutDeploymentResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Labels, cordon, drain and reserved memory of a node.
   */
  PutNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  PutNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  PutNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  PutNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Labels, cordon, drain and reserved memory of a node.
   */
  putNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  putNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  putNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  putNodeSettings(argument: _pomona_v1_PutNodeSettingsRequest, callback: grpc.requestCallback<_pomona_v1_PutNodeSettingsResponse__Output>): grpc.ClientUnaryCall;
  
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
  
  RemoveDeployment(argument: _pomona_v1_RemoveDeploymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  RemoveDeployment(argument: _pomona_v1_RemoveDeploymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  RemoveDeployment(argument: _pomona_v1_RemoveDeploymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  RemoveDeployment(argument: _pomona_v1_RemoveDeploymentRequest, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  removeDeployment(argument: _pomona_v1_RemoveDeploymentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  removeDeployment(argument: _pomona_v1_RemoveDeploymentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  removeDeployment(argument: _pomona_v1_RemoveDeploymentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  removeDeployment(argument: _pomona_v1_RemoveDeploymentRequest, callback: grpc.requestCallback<_pomona_v1_RemoveDeploymentResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * What happens and why.
   */
  WatchEvents(argument: _pomona_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchEventsResponse__Output>;
  WatchEvents(argument: _pomona_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchEventsResponse__Output>;
  /**
   * What happens and why.
   */
  watchEvents(argument: _pomona_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchEventsResponse__Output>;
  watchEvents(argument: _pomona_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pomona_v1_WatchEventsResponse__Output>;
  
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
  
  /**
   * Desired state: what should run. Every answer and every event carries the revision to edit it by.
   */
  ListDeployments: grpc.handleUnaryCall<_pomona_v1_ListDeploymentsRequest__Output, _pomona_v1_ListDeploymentsResponse>;
  
  ListNodes: grpc.handleUnaryCall<_pomona_v1_ListNodesRequest__Output, _pomona_v1_ListNodesResponse>;
  
  /**
   * Where models are and would go, what does not fit, and what is lost with each node. Changes nothing.
   */
  PlanPlacement: grpc.handleUnaryCall<_pomona_v1_PlanPlacementRequest__Output, _pomona_v1_PlanPlacementResponse>;
  
  /**
   * Adds or replaces a deployment. ABORTED when somebody else was faster: read it again.
   */
  PutDeployment: grpc.handleUnaryCall<_pomona_v1_PutDeploymentRequest__Output, _pomona_v1_PutDeploymentResponse>;
  
  /**
   * Labels, cordon, drain and reserved memory of a node.
   */
  PutNodeSettings: grpc.handleUnaryCall<_pomona_v1_PutNodeSettingsRequest__Output, _pomona_v1_PutNodeSettingsResponse>;
  
  /**
   * A node-agent makes itself known and learns the pool. The coordinator then watches its status.
   */
  Register: grpc.handleUnaryCall<_pomona_v1_RegisterRequest__Output, _pomona_v1_RegisterResponse>;
  
  RemoveDeployment: grpc.handleUnaryCall<_pomona_v1_RemoveDeploymentRequest__Output, _pomona_v1_RemoveDeploymentResponse>;
  
  /**
   * What happens and why.
   */
  WatchEvents: grpc.handleServerStreamingCall<_pomona_v1_WatchEventsRequest__Output, _pomona_v1_WatchEventsResponse>;
  
}

export interface ClusterDefinition extends grpc.ServiceDefinition {
  ExplainRequest: MethodDefinition<_pomona_v1_ExplainRequestRequest, _pomona_v1_ExplainRequestResponse, _pomona_v1_ExplainRequestRequest__Output, _pomona_v1_ExplainRequestResponse__Output>
  ForgetNode: MethodDefinition<_pomona_v1_ForgetNodeRequest, _pomona_v1_ForgetNodeResponse, _pomona_v1_ForgetNodeRequest__Output, _pomona_v1_ForgetNodeResponse__Output>
  GetStatus: MethodDefinition<_pomona_v1_GetStatusRequest, _pomona_v1_GetStatusResponse, _pomona_v1_GetStatusRequest__Output, _pomona_v1_GetStatusResponse__Output>
  ListDeployments: MethodDefinition<_pomona_v1_ListDeploymentsRequest, _pomona_v1_ListDeploymentsResponse, _pomona_v1_ListDeploymentsRequest__Output, _pomona_v1_ListDeploymentsResponse__Output>
  ListNodes: MethodDefinition<_pomona_v1_ListNodesRequest, _pomona_v1_ListNodesResponse, _pomona_v1_ListNodesRequest__Output, _pomona_v1_ListNodesResponse__Output>
  PlanPlacement: MethodDefinition<_pomona_v1_PlanPlacementRequest, _pomona_v1_PlanPlacementResponse, _pomona_v1_PlanPlacementRequest__Output, _pomona_v1_PlanPlacementResponse__Output>
  PutDeployment: MethodDefinition<_pomona_v1_PutDeploymentRequest, _pomona_v1_PutDeploymentResponse, _pomona_v1_PutDeploymentRequest__Output, _pomona_v1_PutDeploymentResponse__Output>
  PutNodeSettings: MethodDefinition<_pomona_v1_PutNodeSettingsRequest, _pomona_v1_PutNodeSettingsResponse, _pomona_v1_PutNodeSettingsRequest__Output, _pomona_v1_PutNodeSettingsResponse__Output>
  Register: MethodDefinition<_pomona_v1_RegisterRequest, _pomona_v1_RegisterResponse, _pomona_v1_RegisterRequest__Output, _pomona_v1_RegisterResponse__Output>
  RemoveDeployment: MethodDefinition<_pomona_v1_RemoveDeploymentRequest, _pomona_v1_RemoveDeploymentResponse, _pomona_v1_RemoveDeploymentRequest__Output, _pomona_v1_RemoveDeploymentResponse__Output>
  WatchEvents: MethodDefinition<_pomona_v1_WatchEventsRequest, _pomona_v1_WatchEventsResponse, _pomona_v1_WatchEventsRequest__Output, _pomona_v1_WatchEventsResponse__Output>
}
