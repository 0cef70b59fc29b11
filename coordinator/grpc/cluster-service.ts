// The Cluster service: node-agents register, administrators look and decide.
import type { ClusterHandlers } from "@pomona/proto/generated/pomona/v1/Cluster";
import { pomona } from "@pomona/proto/load";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import type { GrpcService } from "@pomona/shared/grpc/server";
import { nodeStatusFromWire } from "@pomona/shared/grpc/wire-status";
import type { ClusterEvent } from "../core/event.ts";
import type { ClusterCalls } from "./cluster-calls.ts";

export type ClusterServiceDependencies = {
  readonly cluster: string;
  readonly natsUrls: readonly string[];
  /** host:port of the gRPC services of all coordinators, the active one first. */
  readonly coordinators: () => readonly string[];
  readonly calls: ClusterCalls;
  readonly onEvent: (event: ClusterEvent) => void;
};

/** Translates `pomona.v1.Cluster` to events, and to the calls of administrators. */
export function clusterService(dependencies: ClusterServiceDependencies): GrpcService {
  const { calls } = dependencies;
  const implementation: ClusterHandlers = {
    Register: unaryHandler((wire, { peer, forwardedPeer }) => {
      const status = nodeStatusFromWire(wire.status);
      const address = reachableAddress(status.grpcAddress, forwardedPeer ?? peer);
      dependencies.onEvent({ kind: "heartbeat", status, address });
      const { cluster, natsUrls, coordinators } = dependencies;
      return { cluster, natsUrls: [...natsUrls], coordinators: [...coordinators()] };
    }),
    ListNodes: unaryHandler(() => ({ nodes: calls.nodes() })),
    ForgetNode: unaryHandler(async ({ nodeId }) => {
      await calls.forgetNode(nodeId);
      return {};
    }),
    GetStatus: unaryHandler(() => calls.status()),
    ExplainRequest: unaryHandler(({ requestId }) => calls.explain(requestId)),
    ListDeployments: unaryHandler(() => ({ deployments: calls.deployments() })),
    PutDeployment: unaryHandler(async (wire) => ({ record: await calls.putDeployment(wire) })),
    RemoveDeployment: unaryHandler(async (wire) => {
      await calls.removeDeployment(wire);
      return {};
    }),
    PutNodeSettings: unaryHandler(async (wire) => ({ record: await calls.putNodeSettings(wire) })),
    PlanPlacement: unaryHandler((wire, { signal }) => calls.plan(wire, signal)),
    WatchEvents: streamHandler(async ({ recent }, { signal, send }) => {
      for await (const event of calls.events({ recent }, signal)) await send(event);
    }),
  };
  return { definition: pomona.Cluster.service, implementation };
}

/** The sender's own address where a node names none, or one that only it can reach. */
export function reachableAddress(advertised: string, peer: string): string {
  const { host, port } = parseHostAndPort(advertised);
  if (host !== "" && host !== "0.0.0.0") return advertised;
  return `${parseHostAndPort(peer).host}:${port}`;
}
