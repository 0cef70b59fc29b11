// What the Cluster service answers, as messages of pomona.v1: gRPC sends them as they are, HTTP as JSON.
import type { DeploymentRecord as DeploymentRecordWire } from "@pomona/proto/generated/pomona/v1/DeploymentRecord";
import type { ExplainRequestResponse } from "@pomona/proto/generated/pomona/v1/ExplainRequestResponse";
import type { GetStatusResponse } from "@pomona/proto/generated/pomona/v1/GetStatusResponse";
import type { Member as MemberWire } from "@pomona/proto/generated/pomona/v1/Member";
import type { MemberState__Output } from "@pomona/proto/generated/pomona/v1/MemberState";
import type { NodeSettingsRecord as NodeSettingsRecordWire } from "@pomona/proto/generated/pomona/v1/NodeSettingsRecord";
import type { PlanPlacementRequest__Output } from "@pomona/proto/generated/pomona/v1/PlanPlacementRequest";
import type { PlanPlacementResponse } from "@pomona/proto/generated/pomona/v1/PlanPlacementResponse";
import type { PutDeploymentRequest__Output } from "@pomona/proto/generated/pomona/v1/PutDeploymentRequest";
import type { PutNodeSettingsRequest__Output } from "@pomona/proto/generated/pomona/v1/PutNodeSettingsRequest";
import type { RemoveDeploymentRequest__Output } from "@pomona/proto/generated/pomona/v1/RemoveDeploymentRequest";
import type { NodeSettingsRecord } from "@pomona/shared/core/deployment";
import { PomonaError } from "@pomona/shared/core/errors";
import { checkHexId, checkInteger, checkLength, checkModelName } from "@pomona/shared/grpc/wire-checks";
import {
  deploymentFromWire,
  deploymentRecordToWire,
  nodeSettingsFromWire,
  nodeSettingsToWire,
} from "@pomona/shared/grpc/wire-deployment";
import { nodeStatusToWire } from "@pomona/shared/grpc/wire-status";
import type { Administration } from "../administration.ts";
import type { ClusterEvent } from "../core/event.ts";
import type { PlanRequest } from "../core/placement/placement-report.ts";
import type { ClusterState, Member } from "../core/state.ts";
import type { EventStart, LoggedEvent } from "../event-log.ts";
import type { Gateway } from "../gateway.ts";
import { type CoordinatorNews, newsToWire } from "../nats/coordinator-record.ts";
import { explanationToWire } from "./explanation.ts";
import { modelToWire } from "./inference-service.ts";
import { placementReportToWire } from "./placement-report.ts";

export type ClusterCallsDependencies = {
  readonly cluster: string;
  readonly version: string;
  readonly state: ClusterState;
  readonly gateway: Gateway;
  readonly administration: Administration;
  readonly nowMs: () => number;
  readonly isNatsConnected: () => boolean;
  /** This one and those that were heard lately, the active one first. */
  readonly coordinators: () => readonly CoordinatorNews[];
  readonly onEvent: (event: ClusterEvent) => void;
};

/** Suppositions of one plan. */
const plannedMax = 256;

/** The calls of administrators. What they throw is a PomonaError. */
export class ClusterCalls {
  readonly #dependencies: ClusterCallsDependencies;

  constructor(dependencies: ClusterCallsDependencies) {
    this.#dependencies = dependencies;
  }

  status(): GetStatusResponse {
    const { cluster, version, gateway, state, isNatsConnected, coordinators } = this.#dependencies;
    const { isReady, reasons } = gateway.readiness();
    return {
      cluster,
      version,
      isReady,
      reasons: [...reasons],
      nodes: this.nodes(),
      models: gateway.models().map(modelToWire),
      queueLength: state.queue.length,
      runningRequests: state.requests.size - state.queue.length,
      isNatsConnected: isNatsConnected(),
      coordinators: coordinators().map(newsToWire),
    };
  }

  nodes(): MemberWire[] {
    const { state, administration, nowMs } = this.#dependencies;
    return [...state.members.values()].map((member) =>
      memberToWire(member, administration.desired.nodeSettings(member.nodeId), nowMs()),
    );
  }

  async forgetNode(nodeId: string): Promise<void> {
    const { state, administration, onEvent } = this.#dependencies;
    const member = state.members.get(nodeId);
    if (member === undefined) throw unknownNode(nodeId);
    if (member.state !== "dead") {
      throw new PomonaError("failed_precondition", `node ${nodeId} is ${member.state}: only a dead node is forgotten`);
    }
    // First what may fail.
    await administration.desired.forgetNode(nodeId);
    onEvent({ kind: "nodeForgotten", nodeId });
  }

  explain(requestId: string): ExplainRequestResponse {
    const { gateway, nowMs } = this.#dependencies;
    return explanationToWire(gateway.explain(checkHexId("request_id", requestId)), nowMs());
  }

  deployments(): DeploymentRecordWire[] {
    return this.#dependencies.administration.desired.deployments().map(deploymentRecordToWire);
  }

  async putDeployment(wire: PutDeploymentRequest__Output): Promise<DeploymentRecordWire> {
    const { desired } = this.#dependencies.administration;
    return deploymentRecordToWire(await desired.putDeployment(deploymentFromWire(wire.deployment), expected(wire)));
  }

  async removeDeployment(wire: RemoveDeploymentRequest__Output): Promise<void> {
    const { desired } = this.#dependencies.administration;
    await desired.removeDeployment(checkModelName("model", wire.model), expected(wire));
  }

  async putNodeSettings(wire: PutNodeSettingsRequest__Output): Promise<NodeSettingsRecordWire> {
    const { state, administration } = this.#dependencies;
    const nodeId = checkHexId("node_id", wire.nodeId);
    if (!state.members.has(nodeId)) throw unknownNode(nodeId);
    const settings = nodeSettingsFromWire(wire.settings);
    return settingsToWire(await administration.desired.putNodeSettings(nodeId, settings, expected(wire)));
  }

  async plan(wire: PlanPlacementRequest__Output, signal: AbortSignal): Promise<PlanPlacementResponse> {
    const { plan } = this.#dependencies.administration;
    return placementReportToWire(await plan(planRequestFromWire(wire), signal));
  }

  /** Ends when the signal aborts. */
  events(start: EventStart, signal: AbortSignal): AsyncIterable<LoggedEvent> {
    return this.#dependencies.administration.events.follow(start, signal);
  }
}

function unknownNode(nodeId: string): PomonaError {
  return new PomonaError("not_found", `no node ${nodeId} is known`);
}

function expected(wire: { expectedRevision?: number; _expectedRevision?: "expectedRevision" }): number | null {
  if (wire._expectedRevision === undefined) return null;
  return checkInteger("expected_revision", wire.expectedRevision ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER });
}

function planRequestFromWire({ deployments, removedModels, lostNodes }: PlanPlacementRequest__Output): PlanRequest {
  return {
    deployments: checkLength("deployments", deployments, plannedMax).map(deploymentFromWire),
    removedModels: checkLength("removed_models", removedModels, plannedMax).map((model) =>
      checkModelName("removed_models", model),
    ),
    lostNodes: checkLength("lost_nodes", lostNodes, plannedMax).map((nodeId) => checkHexId("lost_nodes", nodeId)),
  };
}

function settingsToWire({ nodeId, settings, revision }: NodeSettingsRecord): NodeSettingsRecordWire {
  return { nodeId, settings: nodeSettingsToWire(settings), revision };
}

function memberToWire(member: Member, { settings, revision }: NodeSettingsRecord, nowMs: number): MemberWire {
  return {
    nodeId: member.nodeId,
    state: memberStateToWire(member, settings.isDraining),
    status: nodeStatusToWire(member.status),
    grpcAddress: member.address,
    lastHeartbeatAgeMs: nowMs - member.lastHeartbeatMs,
    settings: nodeSettingsToWire(settings),
    settingsRevision: revision,
  };
}

function memberStateToWire(member: Member, isToDrain: boolean): MemberState__Output {
  if (member.state === "dead") return "MEMBER_STATE_DEAD";
  if (isToDrain || member.status.state === "draining") return "MEMBER_STATE_DRAINING";
  // Without a link it gets no work, whatever its heartbeats say.
  return member.state === "suspect" || !member.isLinkUp ? "MEMBER_STATE_SUSPECT" : "MEMBER_STATE_ALIVE";
}
