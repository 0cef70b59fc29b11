// Wires a coordinator: what it keeps, its servers, and the lease that makes it active or a standby; stops in reverse.
import { randomInt } from "node:crypto";
import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import { join } from "node:path";
import { packageDefinition } from "@pomona/proto/load";
import { isClusterName } from "@pomona/shared/core/ids";
import { version } from "@pomona/shared/core/version";
import { hostAndPort } from "@pomona/shared/grpc/address";
import { type ForwardingTarget, GrpcForwarder } from "@pomona/shared/grpc/forwarding";
import { type GrpcServer, type GrpcService, reflectionOf, startGrpcServer } from "@pomona/shared/grpc/server";
import { createDiscovery } from "@pomona/shared/mdns/create-discovery";
import { interfacesFor } from "@pomona/shared/mdns/interfaces";
import type { Bus } from "@pomona/shared/nats/bus";
import { connectBus } from "@pomona/shared/nats/connect-bus";
import { checkBindAddress } from "@pomona/shared/runtime/bind-address";
import { systemClock } from "@pomona/shared/runtime/clock";
import { Lifecycle } from "@pomona/shared/runtime/lifecycle";
import { createLogger, type Logger } from "@pomona/shared/runtime/logger";
import { collectFamilies, renderMetrics } from "@pomona/shared/runtime/metrics";
import { OpenFiles } from "@pomona/shared/runtime/open-files";
import { openStateDirectory, readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { type ActiveCoordinator, startActive } from "./active-coordinator.ts";
import type { CoordinatorOptions } from "./config.ts";
import type { Gateway } from "./gateway.ts";
import { ClusterCalls } from "./grpc/cluster-calls.ts";
import { clusterService } from "./grpc/cluster-service.ts";
import { inferenceService } from "./grpc/inference-service.ts";
import { endServing, type Serving } from "./handover.ts";
import { startHttpServer } from "./http/server.ts";
import { findNodes } from "./mdns/node-finder.ts";
import { ProcessMetrics } from "./metrics.ts";
import { DesiredState } from "./nats/desired-state.ts";
import { type ActiveElsewhere, noActiveCoordinator, targetOf } from "./standby/duty.ts";
import { dutyGateway } from "./standby/duty-gateway.ts";
import { generationResumptions } from "./standby/generation-resumption.ts";
import { Succession } from "./succession.ts";

/** A coordinator that serves, as the active one or a standby. */
export type RunningCoordinator = {
  readonly id: string;
  readonly cluster: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Stops taking requests, ends what runs, and closes. */
  close(): Promise<void>;
};

/**
 * Starts a coordinator in this process. Without NATS it serves all the same; without mDNS nodes register by address.
 * @throws PomonaError `setup_failed` with the fix, `invalid_request` for a bind beyond loopback.
 */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  const log = createLogger({ name: "coordinator", level: options.logLevel });
  checkBindAddress(options.host, options.isInsecure, log);
  // From the moment in which it has the state directory of another one that stops, nobody answers until its servers do.
  reflectionOf(packageDefinition);
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
  const standing = await startStanding(lifecycle, { options, cluster, log });
  const { succession, gateway, calls, services } = standing;
  const files = new OpenFiles();
  const grpc = await startGrpc(lifecycle, { options, standing, files });
  standing.onChange(() => grpc.replaceServices(services()));
  const http = await lifecycle.start({
    name: "HTTP",
    start: () =>
      startHttpServer({
        host: options.host,
        port: options.httpPort,
        gateway,
        calls,
        log,
        files,
        duty: () => succession.duty(),
      }),
    stop: (server) => server.close(0),
  });
  await lifecycle.start({
    name: "serving",
    start: (): Serving => ({ http, grpc, directory, succession }),
    stop: endServing,
  });
  const ports = { grpcPort: grpc.port, httpPort: http.port };
  await startDiscovery(lifecycle, { options, log, id: directory.id, cluster, ...ports, ...standing });
  const host = advertisedHost(options);
  const [httpAddress, grpcAddress] = [hostAndPort(host, http.port), hostAndPort(host, grpc.port)];
  await lifecycle.start({
    name: "readiness",
    start: async () => {
      await succession.begin({ id: directory.id, httpAddress, grpcAddress });
      grpc.setServing(true);
    },
    stop: async () => {
      grpc.setServing(false);
      await succession.yieldToStandby();
      succession.active?.stopTaking();
    },
  });
  log.info({ cluster, http: hostAndPort(options.host, http.port), grpc: grpc.address }, "coordinator is serving");
  return { id: directory.id, cluster, ...ports, close: () => lifecycle.stop() };
}

/** What is there whether this coordinator is active or not. */
type Standing = {
  readonly succession: Succession;
  readonly gateway: Gateway;
  readonly calls: ClusterCalls;
  /** host:port of nodes that multicast DNS has found. */
  readonly foundNodes: Set<string>;
  /** The gRPC services of the moment: its own, or those of the active coordinator by way of this one. */
  readonly services: () => readonly GrpcService[];
  readonly onChange: (listener: () => void) => void;
};

type StandingParts = { readonly options: CoordinatorOptions; readonly cluster: string; readonly log: Logger };

async function startStanding(lifecycle: Lifecycle, parts: StandingParts): Promise<Standing> {
  const { options, cluster, log } = parts;
  const { natsReplicas, stateDir } = options;
  const bus = await startBus(lifecycle, options, log);
  const isNatsConnected = (): boolean => bus?.isConnected ?? false;
  const desired = await lifecycle.start({
    name: "desired state",
    start: () =>
      new DesiredState({ cluster, natsReplicas, stateDir }, { bus, clock: systemClock, log, onEvent: ignore }),
    stop: (started) => started.close(),
  });
  const processMetrics = new ProcessMetrics({
    isActive: () => succession.duty().kind === "active",
    term: () => succession.term,
    isNatsConnected,
  });
  const foundNodes = new Set<string>();
  let onChange: () => void = () => undefined;
  const start = (known: readonly string[]): Promise<ActiveCoordinator> => {
    const nodeAddresses = [...new Set([...options.nodes, ...foundNodes, ...known])];
    const { ledTerm: term } = succession;
    return startActive({ options, cluster, log, bus, desired, processMetrics, term, nodeAddresses });
  };
  const succession = await lifecycle.start({
    name: "succession",
    start: () => new Succession({ cluster, natsReplicas, stateDir }, { bus, log, start, onChange: () => onChange() }),
    stop: (started) => started.close(),
  });
  const gateway = dutyGateway({
    active: () => succession.active?.coordinator ?? null,
    duty: () => succession.duty(),
    standbyMetricsText: async () =>
      renderMetrics([{ families: await collectFamilies(processMetrics.registry), labels: {} }]),
  });
  const calls = clusterCalls({ cluster, succession, gateway, desired, isNatsConnected });
  const forwarder = await lifecycle.start({
    name: "forwarding",
    start: () => new GrpcForwarder(),
    stop: (started) => started.close(),
  });
  const own = ownServices({ options, cluster, succession, gateway, calls });
  const forwarding = own.map(({ definition }) =>
    forwarder.service({
      definition,
      target: (isForwarded) => target(succession, isForwarded),
      nextTarget: () => nextTarget(succession),
      resumptions: generationResumptions,
    }),
  );
  const services = (): readonly GrpcService[] => (succession.active === null ? forwarding : own);
  return { succession, gateway, calls, foundNodes, services, onChange: (listener) => (onChange = listener) };
}

const never = new AbortController().signal;
// Every call that is sent on listens to it.
setMaxListeners(0, never);

function ignore(): void {
  // Nobody decides anything here yet.
}

function activeOf(succession: Succession): ActiveCoordinator {
  if (succession.active === null) throw noActiveCoordinator();
  return succession.active;
}

function target(succession: Succession, isForwarded: boolean): ForwardingTarget {
  const duty = succession.duty();
  return targetAt(targetOf(duty.kind === "standby" ? duty : { kind: "standby", active: null }, isForwarded));
}

/** Whoever is active by now; it may be this one. */
function nextTarget(succession: Succession): ForwardingTarget | null {
  const duty = succession.duty();
  const active = duty.kind === "standby" ? duty.active : succession.self;
  return active === null ? null : targetAt(active);
}

function targetAt({ grpcAddress, gone = never }: Pick<ActiveElsewhere, "grpcAddress"> & Partial<ActiveElsewhere>) {
  const unanswered = (reason: string): Error =>
    noActiveCoordinator(`the active coordinator ${grpcAddress} did not answer (${reason}): try again`);
  return { address: grpcAddress, gone, unanswered };
}

type CallsParts = {
  readonly cluster: string;
  readonly succession: Succession;
  readonly gateway: Gateway;
  readonly desired: DesiredState;
  readonly isNatsConnected: () => boolean;
};

/** Each call is that of whoever is active then. */
function clusterCalls({ cluster, succession, gateway, desired, isNatsConnected }: CallsParts): ClusterCalls {
  return new ClusterCalls({
    cluster,
    version,
    gateway,
    isNatsConnected,
    get state() {
      return activeOf(succession).state;
    },
    get administration() {
      const { coordinator, events } = activeOf(succession);
      return { desired, events, plan: coordinator.plan.bind(coordinator) };
    },
    nowMs: systemClock.nowMs,
    coordinators: () => succession.coordinators(),
    onEvent: (event) => activeOf(succession).coordinator.take(event),
  });
}

type ServicesParts = {
  readonly options: CoordinatorOptions;
  readonly cluster: string;
  readonly succession: Succession;
  readonly gateway: Gateway;
  readonly calls: ClusterCalls;
};

function ownServices({ options, cluster, succession, gateway, calls }: ServicesParts): readonly GrpcService[] {
  const { natsUrls } = options;
  const coordinators = (): string[] => succession.coordinators().map(({ grpcAddress }) => grpcAddress);
  const onEvent = (event: Parameters<ActiveCoordinator["coordinator"]["take"]>[0]): void =>
    activeOf(succession).coordinator.take(event);
  return [inferenceService(gateway), clusterService({ cluster, natsUrls, coordinators, calls, onEvent })];
}

type GrpcParts = {
  readonly options: CoordinatorOptions;
  readonly standing: Standing;
  readonly files: OpenFiles;
};

async function startGrpc(lifecycle: Lifecycle, { options, standing, files }: GrpcParts): Promise<GrpcServer> {
  const { host, grpcPort: port } = options;
  return await lifecycle.start({
    name: "gRPC",
    start: () => startGrpcServer({ host, port, services: standing.services(), packageDefinition, files }),
    stop: (started) => started.close(0),
  });
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

/** The host by which others reach this one. */
function advertisedHost({ advertise, host }: CoordinatorOptions): string {
  if (advertise !== null) return advertise;
  return host === "0.0.0.0" || host === "::" ? (interfacesFor("0.0.0.0")()[0]?.address ?? hostname()) : host;
}

type DiscoveryParts = Pick<Standing, "succession" | "foundNodes"> & {
  readonly options: CoordinatorOptions;
  readonly log: Logger;
  readonly id: string;
  readonly cluster: string;
  readonly grpcPort: number;
  readonly httpPort: number;
};

async function startDiscovery(lifecycle: Lifecycle, parts: DiscoveryParts): Promise<void> {
  const { options, log, id, cluster, succession, foundNodes, grpcPort, httpPort } = parts;
  if (!options.mdns) return;
  const discovery = await lifecycle.start({
    name: "mDNS",
    start: () => createDiscovery({ interfaces: interfacesFor(options.host), log }),
    stop: (started) => started.close(),
  });
  const onAddress = (address: string): void => {
    foundNodes.add(address);
    succession.active?.links.discover(address);
  };
  const onGone = (address: string): void => {
    foundNodes.delete(address);
    succession.active?.links.undiscover(address);
  };
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
