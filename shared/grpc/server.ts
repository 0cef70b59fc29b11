import { createServer, type Server as Listener } from "node:net";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { PomonaError } from "../core/errors.ts";
import { OpenFiles } from "../runtime/open-files.ts";
import { hostAndPort } from "./address.ts";
import { messageBytesMax } from "./limits.ts";

export type GrpcService = {
  /** `pomona.Node.service` */
  readonly definition: ServiceDefinition;
  /** `NodeHandlers`, made of `unaryHandler` and `streamHandler`. */
  readonly implementation: UntypedServiceImplementation;
};

export type GrpcServerOptions = {
  /** The address to bind: `127.0.0.1`, `0.0.0.0` or one of this machine's. */
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly services: readonly GrpcService[];
  /** What reflection shows: `packageDefinition` of proto/load. */
  readonly packageDefinition: PackageDefinition;
  /** What the process has open, its own by default. */
  readonly files?: OpenFiles;
  /** The flag that the message for a taken port names. `--grpc-port` by default. */
  readonly portFlag?: string;
  /** How often a silent client is asked for a sign of life; 2,000 ms by default. */
  readonly keepaliveMs?: number;
  /** How long its answer may take before its calls are cancelled; 2,000 ms by default. */
  readonly keepaliveTimeoutMs?: number;
  /** Calls that one connection may have open; 2,048 by default. */
  readonly callsPerConnectionMax?: number;
};

export type GrpcServer = {
  readonly port: number;
  /** host:port as bound. */
  readonly address: string;
  /** From now on new calls go to these, which are of the same names; running ones go on where they are. */
  replaceServices(services: readonly GrpcService[]): void;
  /** What the standard health service answers. False until called. */
  setServing(isServing: boolean): void;
  /**
   * Takes no new calls and gives the port free before it returns, lets running calls end for `graceMs`, then cancels the
   * rest. Later calls wait for the first.
   */
  close(graceMs: number): Promise<void>;
};

const reflections = new WeakMap<PackageDefinition, ReflectionService>();

/**
 * What reflection shows, worked out once: it takes 60 ms and more. A process that is waited for does it before anybody waits, by
 * calling this.
 */
export function reflectionOf(packageDefinition: PackageDefinition): ReflectionService {
  const known = reflections.get(packageDefinition) ?? new ReflectionService(packageDefinition);
  reflections.set(packageDefinition, known);
  return known;
}

/**
 * A gRPC server with the standard health and reflection services.
 * @throws PomonaError `setup_failed` when the port is taken or the address is not this machine's, with the fix.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  // grpc-js writes lines of its own to standard error; every failure reaches its caller as an error anyway.
  if (process.env["GRPC_VERBOSITY"] === undefined) setLogVerbosity(logVerbosity.NONE);
  const server = new Server(serverOptions(options));
  for (const service of options.services) server.addService(service.definition, service.implementation);
  const health = new HealthImplementation();
  health.addToServer(server);
  reflectionOf(options.packageDefinition).addToServer(server);
  const names = ["", ...options.services.map((service) => serviceName(service.definition))];
  const setServing = (isServing: boolean): void => {
    for (const name of names) health.setStatus(name, isServing ? "SERVING" : "NOT_SERVING");
  };
  setServing(false);
  const listener = await listen(server, options);
  const port = portOf(listener);
  let closed: Promise<void> | null = null;
  return {
    port,
    address: hostAndPort(options.host, port),
    replaceServices: (services) => {
      for (const { definition } of services) server.removeService(definition);
      for (const { definition, implementation } of services) server.addService(definition, implementation);
    },
    setServing,
    close: (graceMs) => {
      setServing(false);
      listener.close();
      closed ??= shutDown(server, graceMs);
      return closed;
    },
  };
}

function serverOptions(options: GrpcServerOptions): ServerOptions {
  return {
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": messageBytesMax,
    "grpc.keepalive_time_ms": options.keepaliveMs ?? 2000,
    "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs ?? 2000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.enable_channelz": 0,
    "grpc.max_concurrent_streams": options.callsPerConnectionMax ?? 2048,
  };
}

/** `pomona.v1.Node` out of the path of its first method, `/pomona.v1.Node/Generate`. */
function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split("/")[1] ?? "";
}

/** Accepts for the server, which takes any number: here one for which no file may be left is closed again. */
function listen(server: Server, options: GrpcServerOptions): Promise<Listener> {
  const { host, port, files = new OpenFiles() } = options;
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer({ noDelay: true }, (socket) => {
    if (files.admit(socket) === "admitted") injector.injectConnection(socket);
    // Clients of gRPC take that for `UNAVAILABLE`, and come again later.
    else socket.destroy();
  });
  return new Promise((resolve, reject) => {
    listener.once("error", (error) => reject(bindError(error, options)));
    listener.listen({ host, port }, () => resolve(listener));
  });
}

function portOf(listener: Listener): number {
  const address = listener.address();
  if (address === null || typeof address === "string") throw new PomonaError("internal", "the gRPC server has no port");
  return address.port;
}

function bindError(error: Error, options: GrpcServerOptions): PomonaError {
  const { host, port, portFlag = "--grpc-port" } = options;
  if (error.message.includes("EADDRINUSE")) {
    const fix = `end the program that holds it, or choose another port with ${portFlag}`;
    return new PomonaError("setup_failed", `gRPC port ${port} on ${host} is already in use: ${fix}`, { cause: error });
  }
  if (error.message.includes("EADDRNOTAVAIL")) {
    const fix = "choose 127.0.0.1, 0.0.0.0 or an address of this machine with --host";
    return new PomonaError("setup_failed", `${host} is not an address of this machine: ${fix}`, { cause: error });
  }
  return new PomonaError("setup_failed", `cannot serve gRPC on ${hostAndPort(host, port)}: ${error.message}`, {
    cause: error,
  });
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    // Streams like WatchStatus and health Watch never end by themselves.
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
