// Everything that only the active coordinator has: the loop, the links to nodes, what they say, and what is decided.
import { randomInt } from "node:crypto";
import type { TermSource } from "@pomona/shared/grpc/coordinator-term";
import type { Bus } from "@pomona/shared/nats/bus";
import { systemClock } from "@pomona/shared/runtime/clock";
import { Lifecycle } from "@pomona/shared/runtime/lifecycle";
import type { Logger } from "@pomona/shared/runtime/logger";
import { collectFamilies, type MetricFamily, type MetricSource, renderMetrics } from "@pomona/shared/runtime/metrics";
import type { CoordinatorOptions } from "./config.ts";
import { Coordinator } from "./coordinator.ts";
import { type CoreConfig, defaultCoreConfig } from "./core/core-config.ts";
import type { ClusterEvent } from "./core/event.ts";
import { type ClusterState, emptyState } from "./core/state.ts";
import { specOfOption } from "./deployments.ts";
import { EventLog } from "./event-log.ts";
import { NodeLinks } from "./grpc/node-links.ts";
import { CoordinatorMetrics, type ProcessMetrics } from "./metrics.ts";
import type { DesiredState } from "./nats/desired-state.ts";
import { NodeFeed } from "./nats/node-feed.ts";

export type ActiveCoordinator = {
  readonly state: ClusterState;
  readonly coordinator: Coordinator;
  readonly links: NodeLinks;
  readonly events: EventLog;
  /** Nothing new is taken, and whoever follows the events has come to the end; requests go on. */
  stopTaking(): void;
  /** Another coordinator decides from now on; what runs on nodes goes on until `close`. */
  retire(): void;
  /** Ends what runs with `shutting_down`, and leaves the nodes alone from then on. */
  close(): Promise<void>;
};

export type ActiveParts = {
  readonly options: CoordinatorOptions;
  readonly cluster: string;
  readonly log: Logger;
  /** null without NATS. */
  readonly bus: Bus | null;
  readonly desired: DesiredState;
  readonly processMetrics: ProcessMetrics;
  readonly term: TermSource;
  /** host:port of nodes that may be there. */
  readonly nodeAddresses: readonly string[];
};

/** How long the start waits for NATS to say what should run, once it is connected; then it is what was last known. */
const desiredStateWaitMs = 3000;

export async function startActive(parts: ActiveParts): Promise<ActiveCoordinator> {
  const { log, bus, cluster, nodeAddresses, term } = parts;
  const lifecycle = new Lifecycle({ log });
  const state = emptyState();
  const events = new EventLog();
  let feed: NodeFeed | null = null;
  let isClosed = false;
  // What a closed loop is told would still have effects.
  const onEvent = (event: ClusterEvent): void => {
    if (!isClosed) coordinator.take(event);
  };
  const stopLoop = (): void => {
    coordinator.close();
    events.close();
    isClosed = true;
  };
  const links = await lifecycle.start({
    name: "node links",
    start: () => new NodeLinks({ log, onEvent, term }),
    stop: (started) => started.close(),
  });
  const coordinator = createCoordinator(parts, { state, events, links, feed: () => feed });
  await lifecycle.start({
    name: "loop",
    start: () => coordinator.start(),
    stop: stopLoop,
  });
  await readDesiredState(parts, onEvent);
  if (bus !== null) {
    const onDropped = (): void => parts.processMetrics.natsMessageDropped();
    feed = await lifecycle.start({
      name: "node feed",
      start: () => new NodeFeed({ bus, cluster, state, clock: systemClock, log, onEvent, onDropped }),
      stop: (started) => started.close(),
    });
  }
  for (const address of nodeAddresses) links.discover(address);
  const stopTaking = (): void => {
    coordinator.stopTaking();
    events.close();
  };
  const retire = (): void => {
    coordinator.retire();
    events.close();
  };
  // Whoever has been followed must do nothing more, not even in this turn.
  const close = (): Promise<void> => {
    stopLoop();
    return lifecycle.stop();
  };
  return { state, coordinator, links, events, stopTaking, retire, close };
}

type LoopParts = {
  readonly state: ClusterState;
  readonly events: EventLog;
  readonly links: NodeLinks;
  readonly feed: () => NodeFeed | null;
};

function createCoordinator(
  { options, log, desired, processMetrics }: ActiveParts,
  { state, events, links, feed }: LoopParts,
): Coordinator {
  const metrics = new CoordinatorMetrics(state);
  const metricsText = async (): Promise<string> => {
    const own = [...(await collectFamilies(processMetrics.registry)), ...(await collectFamilies(metrics.registry))];
    return renderMetrics([{ families: own, labels: {} }, ...withoutOwn(feed()?.metricSources() ?? [], own)]);
  };
  const dependencies = {
    clock: systemClock,
    log,
    links,
    metrics,
    metricsText,
    pin: desired.pin.bind(desired),
    publish: (announcement: Parameters<EventLog["add"]>[0]) => {
      events.add(announcement, systemClock.wallMs());
      feed()?.publish(announcement);
    },
  };
  return new Coordinator(coreConfig(options), dependencies, state);
}

function coreConfig(options: CoordinatorOptions): CoreConfig {
  const { queueLengthMax, firstTokenDueMs: dueMs, lateMaxMs, kvCheckpoint: mode } = options;
  const checkpoints = { ...defaultCoreConfig.checkpoints, mode };
  // Names of replicas differ between two starts, so that an old coordinator's replica is never taken for a new one.
  const replicaPrefix = `r${randomInt(2 ** 40).toString(36)}`;
  const scheduler = { ...defaultCoreConfig.scheduler, dueMs, lateMaxMs };
  const queue = { queueLengthMax, queueLengthPerModelMax: queueLengthMax };
  return { ...defaultCoreConfig, ...queue, replicaPrefix, scheduler, checkpoints };
}

/** Before any node is heard, so that nothing is unloaded that should run. */
async function readDesiredState(
  { options, bus, desired }: ActiveParts,
  onEvent: (event: ClusterEvent) => void,
): Promise<void> {
  if (bus !== null) await desired.whenRead(bus.isConnected ? desiredStateWaitMs : 0);
  desired.tell(onEvent);
  const { models, modelWhenNone } = options;
  const isEmpty = models.length === 0 && desired.deployments().length === 0;
  desired.declare((isEmpty && modelWhenNone !== null ? [modelWhenNone] : models).map(specOfOption));
}

/** A family belongs to the coordinator or to the nodes: no node speaks for the coordinator. */
function withoutOwn(sources: readonly MetricSource[], own: readonly MetricFamily[]): MetricSource[] {
  const names = new Set(own.map(({ name }) => name));
  return sources.map(({ families, labels }) => ({ families: families.filter(({ name }) => !names.has(name)), labels }));
}
