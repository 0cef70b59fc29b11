// What administrators see and change, over an in-memory NATS: the real desired state, and a plan of the test's own.

import type { PlacementReport, PlanRequest } from "@pomona/coordinator/core/placement/placement-report";
import { type ClusterState, emptyState } from "@pomona/coordinator/core/state";
import { EventLog } from "@pomona/coordinator/event-log";
import type { Gateway } from "@pomona/coordinator/gateway";
import { ClusterCalls } from "@pomona/coordinator/grpc/cluster-calls";
import { DesiredState } from "@pomona/coordinator/nats/desired-state";
import { FakeNats } from "@pomona/shared/nats/fake-bus";
import { systemClock } from "@pomona/shared/runtime/clock";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { createTemporaryDirectory } from "./temporary-directory.ts";

export type FakeCluster = {
  readonly calls: ClusterCalls;
  readonly state: ClusterState;
  readonly nats: FakeNats;
  readonly events: EventLog;
  /** What was planned for. */
  readonly plans: PlanRequest[];
  close(): void;
};

export function fakeCluster(gateway: Gateway, report: PlacementReport = { nodes: [], models: [] }): FakeCluster {
  const nats = new FakeNats();
  const state = emptyState();
  const events = new EventLog();
  const plans: PlanRequest[] = [];
  const directory = createTemporaryDirectory("cluster");
  const desired = new DesiredState(
    { cluster: "pool-test", natsReplicas: 1, stateDir: directory.path },
    { bus: nats.connect(), clock: systemClock, log: createSilentLogger(), onEvent: () => undefined },
  );
  const plan = async (request: PlanRequest): Promise<PlacementReport> => {
    plans.push(request);
    return report;
  };
  const calls = new ClusterCalls({
    cluster: "pool-test",
    version: "0.0.0",
    state,
    gateway,
    administration: { desired, events, plan },
    nowMs: systemClock.nowMs,
    isNatsConnected: () => nats.isUp,
    coordinators: () => [],
    onEvent: (event) => {
      if (event.kind === "nodeForgotten") state.members.delete(event.nodeId);
    },
  });
  const close = (): void => {
    desired.close();
    directory.remove();
  };
  return { calls, state, nats, events, plans, close };
}
