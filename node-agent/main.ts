// Wires a node-agent: state directory, hardware, gRPC, NATS, mDNS, registration, in this order; stops in reverse.
import { hostname } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { packageDefinition } from "@pomona/proto/load";
import { coordinatorServiceType } from "@pomona/shared/core/defaults";
import { stateBytesPerSecond } from "@pomona/shared/core/state-transfer";
import { hostAndPort } from "@pomona/shared/grpc/address";
import { fencedByTerm } from "@pomona/shared/grpc/coordinator-term";
import { type GrpcServer, startGrpcServer } from "@pomona/shared/grpc/server";
import { createDiscovery } from "@pomona/shared/mdns/create-discovery";
import type { Discovery } from "@pomona/shared/mdns/discovery";
import { interfacesFor } from "@pomona/shared/mdns/interfaces";
import { connectBus } from "@pomona/shared/nats/connect-bus";
import { checkBindAddress } from "@pomona/shared/runtime/bind-address";
import { systemClock } from "@pomona/shared/runtime/clock";
import { Lifecycle } from "@pomona/shared/runtime/lifecycle";
import { createLogger, type Logger } from "@pomona/shared/runtime/logger";
import {
  openStateDirectory,
  readTextIfPresent,
  type StateDirectory,
  writeFileAtomically,
} from "@pomona/shared/runtime/state-directory";
import type { NodeAgentOptions } from "./config.ts";
import { nodeBudget } from "./core/memory-budget.ts";
import { retryLimits } from "./core/transfer/retry.ts";
import type { Engine } from "./engine/engine.ts";
import { createLlamaEngine } from "./engine/llama/llama-engine.ts";
import { createSimulatedEngine } from "./engine/simulated/simulated-engine.ts";
import { nodeService } from "./grpc/node-service.ts";
import { GrpcPeerFiles, type PeerFilesConfig } from "./grpc/peer-files.ts";
import { grpcStateSource } from "./grpc/peer-states.ts";
import { keepRegistered, type Pool } from "./grpc/registration.ts";
import type { Hardware } from "./hardware/hardware.ts";
import { hardwareOfThisMachine } from "./hardware/this-machine.ts";
import { KnownTerms } from "./known-terms.ts";
import { NodeAdvertiser } from "./mdns/advertiser.ts";
import { NodeMetrics } from "./metrics.ts";
import { MemoryCorrections } from "./model-store/memory-corrections.ts";
import { ModelDigests } from "./model-store/model-digests.ts";
import { ModelStore } from "./model-store/model-store.ts";
import { sourcePolicyOf } from "./model-store/sources/source-policy.ts";
import { SpeedProfiles } from "./model-store/speed-profiles.ts";
import { TransferLimiter } from "./model-store/transfer-limiter.ts";
import { Reporter } from "./nats/reporter.ts";
import { NodeAgent } from "./node-agent.ts";
import { PeerStates } from "./peer-states.ts";

/** A node-agent that serves. */
export type RunningNodeAgent = {
  readonly id: string;
  /** host:port of the Node service. */
  readonly grpc: string;
  readonly stateDir: string;
  /** Says goodbye, ends the engines, and closes. */
  close(): Promise<void>;
};

const conditionsIntervalMs = 5000;
/** A node-agent that is killed forgets at most what this time taught it. */
const speedsIntervalMs = 60_000;
const stopGraceMs = 2000;

/**
 * Starts a node-agent in this process. It serves and goes on looking for a coordinator for as long as it takes.
 * @throws PomonaError `setup_failed` with the fix, `invalid_request` for a bind beyond loopback.
 */
export async function runNodeAgent(options: NodeAgentOptions): Promise<RunningNodeAgent> {
  // Bytes of model files that pass through count as memory that grows, and make V8 mark a small heap again and again: a
  // gigabyte that came and went cost 2.8 s of processor time, and costs 2.2 s with the limit further up.
  setFlagsFromString("--heap-growing-percent=600");
  const log = createLogger({ name: "node-agent", level: options.logLevel });
  checkBindAddress(options.host, options.isInsecure, log);
  const lifecycle = new Lifecycle({ log });
  const directory = await lifecycle.start({
    name: "state directory",
    start: () => openStateDirectory(options.stateDir),
    stop: (opened) => opened.release(),
  });
  const { agent, metrics, cpuCores } = await startAgent(lifecycle, { options, log, directory });
  const states = peerStatesOf(agent, { options, directory, cpuCores });
  metrics.observeStates(states);
  const reporter = await lifecycle.start({
    name: "reporter",
    start: () =>
      new Reporter({
        nodeId: directory.id,
        incarnation: directory.incarnation,
        status: () => agent.status(),
        registry: metrics.registry,
        connect: (urls) => connectBus({ urls, name: directory.id, log }),
      }),
    stop: (started) => started.close(),
  });
  const terms = new KnownTerms(join(directory.path, "coordinator-terms.json"), log);
  const grpc = await lifecycle.start({
    name: "gRPC",
    start: () =>
      startGrpcServer({
        host: options.host,
        port: options.grpcPort,
        services: [
          fencedByTerm(
            nodeService(agent, states, (listener) => reporter.onHeartbeat(listener)),
            (told) => terms.note(told),
          ),
        ],
        packageDefinition,
      }),
    stop: (server) => server.close(stopGraceMs),
  });
  // Bound to every interface, the address is the one that the coordinator sees.
  agent.grpcAddress = hostAndPort(options.host === "0.0.0.0" ? "" : options.host, grpc.port);
  await startMembership(lifecycle, { options, log, agent, reporter, grpc, stateDir: directory.path });
  grpc.setServing(true);
  log.info({ id: directory.id, grpc: grpc.address, incarnation: directory.incarnation }, "node-agent is serving");
  return { id: directory.id, grpc: grpc.address, stateDir: directory.path, close: () => lifecycle.stop() };
}

type AgentParts = {
  readonly options: NodeAgentOptions;
  readonly log: Logger;
  readonly directory: StateDirectory;
};

async function startAgent(
  lifecycle: Lifecycle,
  { options, log, directory }: AgentParts,
): Promise<{ agent: NodeAgent; metrics: NodeMetrics; cpuCores: number }> {
  const hardware = hardwareOfThisMachine();
  const machine = await hardware.machine();
  const { memoryBytes } = machine;
  const budgetWith = (workingSetBytes: number | null): number => nodeBudget({ memoryBytes, workingSetBytes }, options);
  const metrics = new NodeMetrics();
  const digests = new ModelDigests({ cachePath: join(directory.path, "model-digests.json"), log });
  const store = await startStore(lifecycle, {
    options,
    log,
    directory,
    digests,
    metrics,
    isBusy: () => agent.isBusy,
    onCame: (...came) => agent.lines.filePieceCame(...came),
  });
  const agent: NodeAgent = await lifecycle.start({
    name: "replicas",
    start: async () =>
      new NodeAgent({
        nodeId: directory.id,
        incarnation: directory.incarnation,
        machine,
        budgetBytes: budgetWith(await hardware.workingSetBytes()),
        budgetWith,
        ownerMode: options.ownerMode,
        threads: options.threads ?? Math.max(1, machine.cpuCores - 1),
        modelsDirectory: join(directory.path, "models"),
        digests,
        store,
        speeds: new SpeedProfiles(join(directory.path, "profiles")),
        corrections: new MemoryCorrections(join(directory.path, "profiles")),
        states: {
          directory: join(directory.path, "kv"),
          diskBytes: options.stateDiskBytes,
          diskWriteBytesPerDay: options.stateDiskWriteBytesPerDay,
        },
        engine: engineOf(options, log),
        hostname: hostname(),
        clock: systemClock,
        log,
        metrics,
      }),
    stop: (started) => started.close(),
    stopTimeoutMs: 10_000,
  });
  metrics.observe(agent, machine.memoryBytes);
  await startLooking(lifecycle, { options, log, agent, store, hardware });
  await lifecycle.start({
    name: "speeds",
    start: () => setInterval(() => agent.keepSpeeds(), speedsIntervalMs),
    stop: (timer) => clearInterval(timer),
  });
  return { agent, metrics, cpuCores: machine.cpuCores };
}

type LookingParts = Omit<AgentParts, "directory"> & {
  readonly agent: NodeAgent;
  readonly store: ModelStore;
  readonly hardware: Hardware;
};

/** At the machine, its disk and its engines: now, and every few seconds. */
async function startLooking(
  lifecycle: Lifecycle,
  { options, log, agent, store, hardware }: LookingParts,
): Promise<void> {
  const look = async (): Promise<void> => {
    const [conditions, memory, pressure] = await Promise.all([
      hardware.conditions(),
      hardware.memory(),
      hardware.pressure(),
    ]);
    agent.setConditions(conditions);
    agent.setMemory(memory);
    agent.setPressure(pressure);
    if (options.ownerMode !== null) agent.setOwner(await hardware.owner());
    await lookAtReplicas(agent, hardware);
    // Not waited for: a volume that is gone must not keep the machine's conditions from being known.
    store.look().catch((error: unknown) => log.warn({ reason: String(error) }, "the model store cannot be looked at"));
  };
  await look();
  await lifecycle.start({
    name: "conditions",
    start: () => setInterval(() => void look(), conditionsIntervalMs),
    stop: (timer) => clearInterval(timer),
  });
}

/** What each engine's process has in memory. */
async function lookAtReplicas(agent: NodeAgent, hardware: Hardware): Promise<void> {
  for (const { replicaId, pid, state } of agent.replicas()) {
    const bytes = pid === null || state !== "ready" ? null : await hardware.residentBytes(pid);
    if (bytes !== null) agent.setResident(replicaId, bytes);
  }
}

type StoreParts = AgentParts & {
  readonly digests: ModelDigests;
  readonly metrics: NodeMetrics;
  readonly isBusy: () => boolean;
  readonly onCame: PeerFilesConfig["onCame"];
};

async function startStore(lifecycle: Lifecycle, parts: StoreParts): Promise<ModelStore> {
  const { options, log, directory, digests, metrics, isBusy, onCame } = parts;
  const rates = {
    maxBytesPerSecond: options.transferBytesPerSecond,
    busyBytesPerSecond: options.transferBytesPerSecondBusy,
  };
  const peerFiles = await lifecycle.start({
    name: "peer files",
    start: () => new GrpcPeerFiles({ stallMs: options.transferStallMs, onCame }),
    stop: (started) => started.close(),
  });
  return await lifecycle.start({
    name: "model store",
    start: () =>
      new ModelStore({
        directory: join(directory.path, "models"),
        digests,
        peerFiles,
        policy: sourcePolicyOf(options, process.env),
        retries: retryLimits,
        limiter: new TransferLimiter(rates, { clock: systemClock, isBusy }),
        clock: systemClock,
        log,
        onTransfer: (bytes, count) => metrics.transferred(bytes, count),
      }),
    stop: (started) => started.close(),
  });
}

type PeerStatesOptions = Omit<AgentParts, "log"> & { readonly cpuCores: number };

/** What is generated at the same time must not suffer: see `stateBytesPerSecond`. */
function peerStatesOf(agent: NodeAgent, { options, directory, cpuCores }: PeerStatesOptions): PeerStates {
  const most = Math.min(stateBytesPerSecond(cpuCores), options.transferBytesPerSecond ?? Number.POSITIVE_INFINITY);
  const rates = { maxBytesPerSecond: most, busyBytesPerSecond: most };
  const limiter = new TransferLimiter(rates, { clock: systemClock, isBusy: () => agent.isBusy });
  return new PeerStates({
    directory: join(directory.path, "kv", "peers"),
    limits: { bytesMax: options.stateReceivedBytes, writeBytesPerDay: options.stateDiskWriteBytesPerDay },
    clock: systemClock,
    source: grpcStateSource,
    pass: (bytes, signal) => limiter.pass(bytes, signal),
    replica: (replicaId) => agent.statefulReplica(replicaId),
    replicaOf: (id) => agent.statefulReplica(agent.attempts.replicaOf(id)),
    onCame: (...came) => agent.lines.stateCame(...came),
  });
}

function engineOf(options: NodeAgentOptions, log: Logger): Engine {
  return options.engine === "llama" ? createLlamaEngine({ log }) : createSimulatedEngine();
}

type MembershipParts = {
  readonly options: NodeAgentOptions;
  readonly log: Logger;
  readonly agent: NodeAgent;
  readonly reporter: Reporter;
  readonly grpc: GrpcServer;
  readonly stateDir: string;
};

async function startMembership(lifecycle: Lifecycle, parts: MembershipParts): Promise<void> {
  const { options, log, agent, reporter, grpc, stateDir } = parts;
  const clusterPath = join(stateDir, "cluster");
  let cluster = options.cluster ?? readTextIfPresent(clusterPath)?.trim() ?? "";
  const found = new Map<string, string>();
  let told: readonly string[] = [];
  if (options.mdns) {
    const discovery = await lifecycle.start({
      name: "mDNS",
      start: () => createDiscovery({ interfaces: interfacesFor(options.host), log }),
      stop: (started) => started.close(),
    });
    const advertiser = new NodeAdvertiser(discovery, agent.status(), { cluster, port: grpc.port });
    const stopUpdates = reporter.onHeartbeat(() => advertiser.update(agent.status(), cluster));
    await lifecycle.start({ name: "advertisement", start: () => stopUpdates, stop: (stop) => stop() });
    if (options.peers.length === 0) await browseCoordinators(lifecycle, { discovery, found, cluster: () => cluster });
  }
  const onPool = (pool: Pool): void => {
    if (pool.cluster !== cluster) writeFileAtomically(clusterPath, `${pool.cluster}\n`);
    cluster = pool.cluster;
    told = pool.coordinators;
    void reporter.use(pool.cluster, pool.natsUrls);
  };
  // A coordinator names the others: one of them will do when those that are named here have gone.
  const coordinators = (): string[] => [
    ...new Set([...(options.peers.length > 0 ? options.peers : found.values()), ...told]),
  ];
  await lifecycle.start({
    name: "registration",
    start: () => keepRegistered({ coordinators, status: () => agent.status(), onPool, log }),
    stop: (stop) => stop(),
  });
}

type BrowseParts = {
  readonly discovery: Discovery;
  /** Addresses by the coordinator's id: filled here. */
  readonly found: Map<string, string>;
  readonly cluster: () => string;
};

/** A node that belongs to a cluster goes back to it; a new one joins the first that it finds. */
async function browseCoordinators(lifecycle: Lifecycle, { discovery, found, cluster }: BrowseParts): Promise<void> {
  await lifecycle.start({
    name: "coordinator finder",
    start: () =>
      discovery.browse(coordinatorServiceType, (event) => {
        if (event.kind === "down") {
          found.delete(event.name);
          return;
        }
        const { name, address, port, txt } = event.service;
        if (cluster() === "" || txt["cluster"] === cluster()) found.set(name, hostAndPort(address, port));
      }),
    stop: (stop) => stop(),
  });
}
