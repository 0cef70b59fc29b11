// The Cluster service: node-agents register, administrators look.
import type { ClusterHandlers } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { Member as MemberWire } from "@pomona/proto/generated/pomona/v1/Member";
import type { MemberState__Output } from "@pomona/proto/generated/pomona/v1/MemberState";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "@pomona/shared/core/errors";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { unaryHandler } from "@pomona/shared/grpc/handlers";
import type { GrpcService } from "@pomona/shared/grpc/server";
import { checkHexId } from "@pomona/shared/grpc/wire-checks";
import { nodeStatusFromWire, nodeStatusToWire } from "@pomona/shared/grpc/wire-status";
import type { ClusterEvent } from "../core/event.ts";
import type { ClusterState, Member } from "../core/state.ts";
import type { Gateway } from "../gateway.ts";
import { explanationToWire } from "./explanation.ts";
import { modelToWire } from "./inference-service.ts";

export type ClusterServiceDependencies = {
  readonly cluster: string;
  readonly version: string;
  readonly natsUrls: readonly string[];
  /** host:port of this coordinator's gRPC service, once it is bound. */
  readonly ownAddress: () => string;
  readonly state: ClusterState;
  readonly gateway: Gateway;
  readonly nowMs: () => number;
  readonly isNatsConnected: () => boolean;
  readonly onEvent: (event: ClusterEvent) => void;
};

/** Translates `pomona.v1.Cluster` to the state and its events. */
export function clusterService(dependencies: ClusterServiceDependencies): GrpcService {
  const { state, gateway } = dependencies;
  const nodes = (): MemberWire[] =>
    [...state.members.values()].map((member) => memberToWire(member, dependencies.nowMs()));
  const implementation = {
    Register: unaryHandler((wire, { peer }) => {
      const status = nodeStatusFromWire(wire.status);
      dependencies.onEvent({ kind: "heartbeat", status, address: reachableAddress(status.grpcAddress, peer) });
      const { cluster, natsUrls } = dependencies;
      return { cluster, natsUrls: [...natsUrls], coordinators: [dependencies.ownAddress()] };
    }),
    ListNodes: unaryHandler(() => ({ nodes: nodes() })),
    ForgetNode: unaryHandler(({ nodeId }) => {
      const member = state.members.get(nodeId);
      if (member === undefined) throw new PomonaError("not_found", `no node ${nodeId} is known`);
      if (member.state !== "dead") {
        throw new PomonaError(
          "failed_precondition",
          `node ${nodeId} is ${member.state}: only a dead node is forgotten`,
        );
      }
      dependencies.onEvent({ kind: "nodeForgotten", nodeId });
      return {};
    }),
    ExplainRequest: unaryHandler(({ requestId }) =>
      explanationToWire(gateway.explain(checkHexId("request_id", requestId)), dependencies.nowMs()),
    ),
    GetStatus: unaryHandler(() => ({
      cluster: dependencies.cluster,
      version: dependencies.version,
      isReady: gateway.readiness().isReady,
      reasons: [...gateway.readiness().reasons],
      nodes: nodes(),
      models: gateway.models().map(modelToWire),
      queueLength: state.queue.length,
      runningRequests: state.requests.size - state.queue.length,
      isNatsConnected: dependencies.isNatsConnected(),
    })),
  } satisfies Partial<ClusterHandlers>;
  return { definition: pomona.Cluster.service, implementation };
}

/** The sender's own address where a node names none, or one that only it can reach. */
export function reachableAddress(advertised: string, peer: string): string {
  const { host, port } = parseHostAndPort(advertised);
  if (host !== "" && host !== "0.0.0.0") return advertised;
  return `${parseHostAndPort(peer).host}:${port}`;
}

function memberToWire(member: Member, nowMs: number): MemberWire {
  return {
    nodeId: member.nodeId,
    state: memberStateToWire(member),
    status: nodeStatusToWire(member.status),
    grpcAddress: member.address,
    lastHeartbeatAgeMs: nowMs - member.lastHeartbeatMs,
  };
}

function memberStateToWire(member: Member): MemberState__Output {
  if (member.state === "dead") return "MEMBER_STATE_DEAD";
  if (member.status.state === "draining") return "MEMBER_STATE_DRAINING";
  // Without a link it gets no work, whatever its heartbeats say.
  return member.state === "suspect" || !member.isLinkUp ? "MEMBER_STATE_SUSPECT" : "MEMBER_STATE_ALIVE";
}
