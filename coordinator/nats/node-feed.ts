// What nodes say over NATS: heartbeats become events, metrics are kept for the next scrape.
import { PomonaError } from "@pomona/shared/core/errors";
import type { NodeId } from "@pomona/shared/core/ids";
import { subjects } from "@pomona/shared/core/subjects";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { decodeMetricsReport, type MetricsReport } from "@pomona/shared/grpc/wire-metrics";
import { decodeNodeStatus } from "@pomona/shared/grpc/wire-status";
import type { Bus } from "@pomona/shared/nats/bus";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { MetricSource } from "@pomona/shared/runtime/metrics";
import type { Announcement } from "../core/effect.ts";
import type { ClusterEvent } from "../core/event.ts";
import type { ClusterState } from "../core/state.ts";
import { FloodGuard } from "./flood-guard.ts";

export type NodeFeedDependencies = {
  readonly bus: Bus;
  readonly cluster: string;
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (event: ClusterEvent) => void;
  /** A message was not read, because its sender sends too many. */
  readonly onDropped: () => void;
};

/** Nodes report every 5 s. What is older than three of them is a gap: NATS is away, or the node's link to it. */
const reportLifeMs = 16_000;
/** Broken messages are said at most this often, or whoever floods NATS floods the log. */
const complainEveryMs = 5000;

type KeptReport = { readonly report: MetricsReport; readonly receivedAtMs: number };

/** Listens to the nodes of one cluster, and tells what the coordinator decided. */
export class NodeFeed {
  readonly #dependencies: NodeFeedDependencies;
  readonly #reports = new Map<string, KeptReport>();
  readonly #unsubscribe: (() => void)[];
  readonly #floods = new FloodGuard();
  #broken = 0;
  #complainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(dependencies: NodeFeedDependencies) {
    this.#dependencies = dependencies;
    const { bus, cluster } = dependencies;
    const { allHeartbeats, allMetrics } = subjects(cluster);
    this.#unsubscribe = [
      bus.subscribe(allHeartbeats, (subject, payload) => this.#take(subject, () => this.#heartbeat(subject, payload))),
      bus.subscribe(allMetrics, (subject, payload) => this.#take(subject, () => this.#metrics(subject, payload))),
    ];
  }

  /** The last report of each node that is not dead, as long as it is fresh, labelled with its id. */
  metricSources(): MetricSource[] {
    const { state, clock } = this.#dependencies;
    const nowMs = clock.nowMs();
    for (const [nodeId, { receivedAtMs }] of this.#reports) {
      const isDead = (state.members.get(nodeId)?.state ?? "dead") === "dead";
      if (isDead || nowMs - receivedAtMs > reportLifeMs) this.#reports.delete(nodeId);
    }
    return [...this.#reports.values()].map(({ report: { nodeId, families } }) => ({
      families,
      labels: { node: nodeId },
    }));
  }

  publish(announcement: Announcement): void {
    const { bus, cluster } = this.#dependencies;
    const payload = new TextEncoder().encode(JSON.stringify(announcement));
    bus.publish(subjects(cluster).coordinatorEvent(announcement.kind), payload);
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  #heartbeat(subject: string, payload: Uint8Array): void {
    const status = decodeNodeStatus(payload);
    this.#checkSender(subject, status.nodeId);
    // NATS names no sender: without a host of its own, only a node that is known already can be reached.
    const known = this.#dependencies.state.members.get(status.nodeId)?.address;
    const { host } = parseHostAndPort(status.grpcAddress);
    const address = host === "" || host === "0.0.0.0" ? known : status.grpcAddress;
    if (address !== undefined) this.#dependencies.onEvent({ kind: "heartbeat", status, address });
  }

  #metrics(subject: string, payload: Uint8Array): void {
    const report = decodeMetricsReport(payload);
    this.#checkSender(subject, report.nodeId);
    const { state, clock } = this.#dependencies;
    if (state.members.has(report.nodeId)) this.#reports.set(report.nodeId, { report, receivedAtMs: clock.nowMs() });
  }

  /** A node may publish on its own subjects only: who speaks for another there is believed nothing. */
  #checkSender(subject: string, nodeId: NodeId): void {
    if (subjects(this.#dependencies.cluster).nodeIdOf(subject) === nodeId) return;
    throw new PomonaError("invalid_request", "the message names another node than its subject");
  }

  #take(subject: string, read: () => void): void {
    const { clock, log, onDropped } = this.#dependencies;
    const taken = this.#floods.take(subject, clock.nowMs());
    if (taken === "read") this.#guard(read);
    else onDropped();
    if (taken === "muted") log.warn({ subject }, "a sender floods NATS and is not listened to for 10 s");
  }

  /** What is no message of ours is dropped: anything on the network may publish. */
  #guard(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#broken += 1;
      const { clock, log } = this.#dependencies;
      if (clock.nowMs() - this.#complainedAtMs < complainEveryMs) return;
      this.#complainedAtMs = clock.nowMs();
      const message = error instanceof Error ? error.message : String(error);
      log.warn({ message, dropped: this.#broken }, "dropped messages from NATS");
      this.#broken = 0;
    }
  }
}
