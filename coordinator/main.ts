// Wires a coordinator: state directory, gRPC, HTTP, NATS, mDNS, in this order; stops in reverse.
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { packageDefinition } from "@pomona/proto/load";
import { isClusterName } from "@pomona/shared/core/ids";
import { version } from "@pomona/shared/core/version";
import { hostAndPort } from "@pomona/shared/grpc/address";
import { type GrpcServer, startGrpcServer } from "@pomona/shared/grpc/server";
import { createDiscovery } from "@pomona/shared/mdns/create-discovery";
import { interfacesFor } from "@pomona/shared/mdns/interfaces";
import type { Bus } from "@pomona/shared/nats/bus";
import { connectBus } from "@pomona/shared/nats/connect-bus";
import { checkBindAddress } from "@pomona/shared/runtime/bind-address";
import { systemClock } from "@pomona/shared/runtime/clock";
import { Lifecycle } from "@pomona/shared/runtime/lifecycle";
import { createLogger, type Logger } from "@pomona/shared/runtime/logger";
import { collectFamilies, type MetricFamily, type MetricSource, renderMetrics } from "@pomona/shared/runtime/metrics";
import { openStateDirectory, readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import type { CoordinatorOptions } from "./config.ts";
import { Coordinator } from "./coordinator.ts";
import { type ClusterState, type CoreConfig, defaultCoreConfig, emptyState } from "./core/state.ts";
import { specOfOption } from "./deployments.ts";
import { EventLog } from "./event-log.ts";
import { ClusterCalls } from "./grpc/cluster-calls.ts";
import { clusterService } from "./grpc/cluster-service.ts";
import { inferenceService } from "./grpc/inference-service.ts";
import { NodeLinks } from "./grpc/node-links.ts";
import { startHttpServer } from "./http/server.ts";
import { findNodes } from "./mdns/node-finder.ts";
import { CoordinatorMetrics } from "./metrics.ts";
import { type DesiredEvent, DesiredState } from "./nats/desired-state.ts";
import { NodeFeed } from "./nats/node-feed.ts";

/** A coordinator that serves. */
export type RunningCoordinator = {
  readonly id: string;
  readonly cluster: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Stops taking requests, ends what runs, and closes. */
  close(): Promise<void>;
};

/** Time that running calls get when the coordinator stops; then each is told that it ends, and gets time to hear it. */
const stopGraceMs = 2000;
const stopFlushMs = 500;

/**
 * Starts a coordinator in this process. Without NATS it serves all the same; without mDNS nodes register by address.
 * @throws PomonaError `setup_failed` with the fix, `invalid_request` for a bind beyond loopback.
 */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  const log = createLogger({ name: "coordinator", level: options.logLevel });
  checkBindAddress(options.host, options.isInsecure, log);
  const lifecycle = new Lifecycle({ log });
  const directory = await lifecycle.start({
    name: "state directory",
    start: () => openStateDirectory(options.stateDir),
    stop: (opened) => opened.release(),
  });
  const cluster = await lifecycle.start({
    name: "cluster name",
    start: () => options.cluster ?? keptClusterName(directory.path),
    stop: () => undefined,
  });
  const loop = await startLoop(lifecycle, { options, cluster, log });
  const { coordinator, links } = loop;
  const calls = clusterCalls(loop, cluster);
  const grpc = await startGrpc(lifecycle, { options, cluster, coordinator, calls });
  const http = await lifecycle.start({
    name: "HTTP",
    start: () => startHttpServer({ host: options.host, port: options.httpPort, gateway: coordinator, calls, log }),
    stop: (server) => server.close(),
  });
  for (const address of options.nodes) links.discover(address);
  await startDiscovery(lifecycle, {
    options,
    log,
    id: directory.id,
    cluster,
    links,
    grpcPort: grpc.port,
    httpPort: http.port,
  });
  await lifecycle.start({
    name: "readiness",
    start: () => grpc.setServing(true),
    stop: () => {
      grpc.setServing(false);
      coordinator.stopTaking();
    },
  });
  log.info({ cluster, http: hostAndPort(options.host, http.port), grpc: grpc.address }, "coordinator is serving");
  return { id: directory.id, cluster, httpPort: http.port, grpcPort: grpc.port, close: () => lifecycle.stop() };
}

function clusterCalls(
  { state, coordinator, desired, events, isNatsConnected }: LoopParts,
  cluster: string,
): ClusterCalls {
  return new ClusterCalls({
    cluster,
    version,
    state,
    gateway: coordinator,
    administration: { desired, events, plan: (request, signal) => coordinator.plan(request, signal) },
    nowMs: systemClock.nowMs,
    isNatsConnected,
    onEvent: (event) => coordinator.take(event),
  });
}

type GrpcParts = {
  readonly options: CoordinatorOptions;
  readonly cluster: string;
  readonly coordinator: Coordinator;
  readonly calls: ClusterCalls;
};

async function startGrpc(
  lifecycle: Lifecycle,
  { options, cluster, coordinator, calls }: GrpcParts,
): Promise<GrpcServer> {
  let ownAddress = "";
  const membership = clusterService({
    cluster,
    natsUrls: options.natsUrls,
    ownAddress: () => ownAddress,
    calls,
    onEvent: (event) => coordinator.take(event),
  });
  const server = await lifecycle.start({
    name: "gRPC",
    start: () =>
      startGrpcServer({
        host: options.host,
        port: options.grpcPort,
        services: [inferenceService(coordinator), membership],
        packageDefinition,
      }),
    stop: (started) => closeGrpc(started, coordinator),
  });
  ownAddress = server.address;
  return server;
}

async function closeGrpc(server: GrpcServer, coordinator: Coordinator): Promise<void> {
  const late = setTimeout(() => coordinator.endAll(), stopGraceMs);
  await server.close(stopGraceMs + stopFlushMs);
  clearTimeout(late);
}

type LoopParts = {
  readonly state: ClusterState;
  readonly coordinator: Coordinator;
  readonly links: NodeLinks;
  readonly desired: DesiredState;
  readonly events: EventLog;
  readonly isNatsConnected: () => boolean;
};

/** How long the start waits for NATS to say what should run: until then it is what the options name. */
const desiredStateWaitMs = 3000;

type StartParts = { readonly options: CoordinatorOptions; readonly cluster: string; readonly log: Logger };

async function startLoop(lifecycle: Lifecycle, { options, cluster, log }: StartParts): Promise<LoopParts> {
  const state = emptyState();
  const events = new EventLog();
  let feed: NodeFeed | null = null;
  let bus: Bus | null = null;
  let desired: DesiredState | null = null;
  const isNatsConnected = (): boolean => bus?.isConnected ?? false;
  const metrics = new CoordinatorMetrics(state, isNatsConnected);
  const links = new NodeLinks({ log, onEvent: (event) => coordinator.take(event) });
  const coordinator = new Coordinator(
    coreConfig(options),
    {
      clock: systemClock,
      log,
      links,
      metrics,
      metricsText: async () => {
        const own = { families: await collectFamilies(metrics.registry), labels: {} };
        return renderMetrics([own, ...withoutOwn(feed?.metricSources() ?? [], own.families)]);
      },
      pin: (model, pinned, revision) => desired?.pin(model, pinned, revision),
      publish: (announcement) => {
        events.add(announcement, systemClock.wallMs());
        feed?.publish(announcement);
      },
    },
    state,
  );
  await lifecycle.start({ name: "node links", start: () => links, stop: () => links.close() });
  await lifecycle.start({ name: "loop", start: () => coordinator.start(), stop: () => coordinator.close() });
  bus = await startBus(lifecycle, options, log);
  desired = await startDesiredState(lifecycle, { options, cluster, log, bus, coordinator });
  if (bus !== null) {
    const parts = { bus, cluster, state, clock: systemClock, log };
    feed = await lifecycle.start({
      name: "node feed",
      start: () => new NodeFeed({ ...parts, onEvent: (event) => coordinator.take(event) }),
      stop: (started) => started.close(),
    });
  }
  return { state, coordinator, links, desired, events, isNatsConnected };
}

function coreConfig({ queueLengthMax, firstTokenDueMs: dueMs, lateMaxMs }: CoordinatorOptions): CoreConfig {
  // Names of replicas differ between two starts, so that an old coordinator's replica is never taken for a new one.
  const replicaPrefix = `r${randomInt(2 ** 40).toString(36)}`;
  const scheduler = { ...defaultCoreConfig.scheduler, dueMs, lateMaxMs };
  return { ...defaultCoreConfig, queueLengthMax, queueLengthPerModelMax: queueLengthMax, replicaPrefix, scheduler };
}

/** null without NATS. */
async function startBus(lifecycle: Lifecycle, { natsUrls }: CoordinatorOptions, log: Logger): Promise<Bus | null> {
  if (natsUrls.length === 0) return null;
  return await lifecycle.start({
    name: "NATS",
    start: () => connectBus({ urls: natsUrls, name: "coordinator", log }),
    stop: (connection) => connection.close(),
  });
}

type DesiredParts = StartParts & { readonly bus: Bus | null; readonly coordinator: Coordinator };

/** Before any node is heard, so that nothing is unloaded that should run. */
async function startDesiredState(
  lifecycle: Lifecycle,
  { options, cluster, log, bus, coordinator }: DesiredParts,
): Promise<DesiredState> {
  const { natsReplicas, stateDir, models, modelWhenNone } = options;
  const tell = (event: DesiredEvent): void => coordinator.take(event);
  const desired = await lifecycle.start({
    name: "desired state",
    start: () => new DesiredState({ cluster, natsReplicas, stateDir }, { bus, clock: systemClock, log, onEvent: tell }),
    stop: (started) => started.close(),
  });
  if (bus !== null) await desired.whenRead(desiredStateWaitMs);
  const isEmpty = models.length === 0 && desired.deployments().length === 0;
  desired.declare((isEmpty && modelWhenNone !== null ? [modelWhenNone] : models).map(specOfOption));
  return desired;
}

/** A family belongs to the coordinator or to the nodes: no node speaks for the coordinator. */
function withoutOwn(sources: readonly MetricSource[], own: readonly MetricFamily[]): MetricSource[] {
  const names = new Set(own.map(({ name }) => name));
  return sources.map(({ families, labels }) => ({ families: families.filter(({ name }) => !names.has(name)), labels }));
}

type DiscoveryParts = {
  readonly options: CoordinatorOptions;
  readonly log: Logger;
  readonly id: string;
  readonly cluster: string;
  readonly links: NodeLinks;
  readonly grpcPort: number;
  readonly httpPort: number;
};

async function startDiscovery(lifecycle: Lifecycle, parts: DiscoveryParts): Promise<void> {
  const { options, log, id, cluster, links, grpcPort, httpPort } = parts;
  if (!options.mdns) return;
  const discovery = await lifecycle.start({
    name: "mDNS",
    start: () => createDiscovery({ interfaces: interfacesFor(options.host), log }),
    stop: (started) => started.close(),
  });
  const onAddress = (address: string): void => links.discover(address);
  const onGone = (address: string): void => links.undiscover(address);
  await lifecycle.start({
    name: "node finder",
    start: () => findNodes({ discovery, id, cluster, grpcPort, httpPort, onAddress, onGone }),
    stop: (stopBrowsing) => stopBrowsing(),
  });
}

function keptClusterName(stateDir: string): string {
  const path = join(stateDir, "cluster");
  const kept = readTextIfPresent(path)?.trim() ?? "";
  if (isClusterName(kept)) return kept;
  const name = `pool-${randomInt(36 ** 6)
    .toString(36)
    .padStart(6, "0")}`;
  writeFileAtomically(path, `${name}\n`);
  return name;
}
