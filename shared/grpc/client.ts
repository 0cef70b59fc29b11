import {
  type ChannelOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { InferenceClient } from "@pomona/proto/generated/pomona/v1/Inference";
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import { pomona } from "@pomona/proto/load";
import { nodeKeepaliveMs, nodeKeepaliveTimeoutMs } from "../core/defaults.ts";
import { PomonaError } from "../core/errors.ts";
import { type TermSource, termInterceptor } from "./coordinator-term.ts";
import { messageBytesMax } from "./limits.ts";
import { fromServiceError } from "./status.ts";

/** Coordinator to node: a hang or a partition is noticed in about 0.8 s. Connects at the first call. */
export function createNodeClient(address: string, term: TermSource | null = null): NodeClient {
  const interceptors = term === null ? [] : [termInterceptor(term)];
  const options = { ...channelOptions(nodeKeepaliveMs, nodeKeepaliveTimeoutMs), interceptors };
  return new pomona.Node(address, credentials.createInsecure(), options);
}

/**
 * Node to node, for files. A full line delays signs of life, so that a lost node is noticed later than by the coordinator;
 * with HTTP/2's own window of 64 KiB three transfers over loopback took 1.5 times as long.
 */
export function createTransferClient(address: string): NodeClient {
  return new pomona.Node(address, credentials.createInsecure(), {
    ...channelOptions(transferKeepaliveMs, transferKeepaliveTimeoutMs),
    "grpc-node.flow_control_window": transferWindowBytes,
  });
}

const transferKeepaliveMs = 5000;
const transferKeepaliveTimeoutMs = 10_000;
const transferWindowBytes = 16 * 2 ** 20;

/** Any client to the coordinator. */
export function createInferenceClient(address: string): InferenceClient {
  return new pomona.Inference(address, credentials.createInsecure(), channelOptions(2000, 2000));
}

/** A node-agent or the command line to the coordinator. */
export function createClusterClient(address: string): ClusterClient {
  return new pomona.Cluster(address, credentials.createInsecure(), channelOptions(2000, 2000));
}

/** A coordinator to the active one, for calls of any service. */
export function createForwardingClient(address: string): Client {
  return new Client(address, credentials.createInsecure(), channelOptions(2000, 2000));
}

function channelOptions(keepaliveMs: number, keepaliveTimeoutMs: number): ChannelOptions {
  return {
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5000,
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": messageBytesMax,
    // A client made anew connects at once instead of inheriting the back-off of its predecessor.
    "grpc.use_local_subchannel_pool": 1,
    // Nodes are addresses on a LAN: no proxy of the environment, no service configuration by DNS TXT.
    "grpc.enable_http_proxy": 0,
    // Statistics of each connection, call and message, which nobody asks for.
    "grpc.enable_channelz": 0,
    "grpc.service_config_disable_resolution": 1,
  };
}

/** What a client needs of a method: `pomona.Node.service.Tokenize` and the like. */
export type ClientMethod<Request, Response> = {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
};

export type UnaryCall<Request> = {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/**
 * Calls a unary method: `callUnary(client, pomona.Node.service.Tokenize, {request, timeoutMs, signal})`.
 * @throws PomonaError what the server sent; `node_lost`, `deadline_exceeded`; `cancelled` or the signal's own
 * PomonaError when the signal was aborted.
 */
export function callUnary<Request, Response>(
  client: Client,
  method: ClientMethod<Request, Response>,
  { request, timeoutMs, signal }: UnaryCall<NoInfer<Request>>,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelledBy(signal));
    const abort = (): void => call.cancel();
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        signal.removeEventListener("abort", abort);
        if (error !== null) reject(signal.aborted ? cancelledBy(signal) : fromServiceError(error));
        else if (response === undefined) reject(new PomonaError("internal", `${method.path} answered with nothing`));
        else resolve(response);
      },
    );
    signal.addEventListener("abort", abort, { once: true });
  });
}

export type StreamCall<Request, Response> = {
  readonly request: Request;
  /** null means no deadline: the stream lasts until its server ends it or the signal aborts. */
  readonly timeoutMs: number | null;
  readonly signal: AbortSignal;
  /** Called for each message, in order. While a promise that it returns is pending no more is read. A throw cancels. */
  readonly onMessage: (message: Response) => void | Promise<void>;
  /** Sent with the call; none by default. */
  readonly metadata?: Metadata;
};

/**
 * Calls a server-streaming method and reads it from the first moment (a reader attached later would let it buffer
 * without bound). Resolves when the server ended the stream without an error.
 * @throws PomonaError as `callUnary`, and whatever `onMessage` threw.
 */
export function readStream<Request, Response>(
  client: Client,
  method: ClientMethod<Request, Response>,
  { request, timeoutMs, signal, onMessage, metadata = new Metadata() }: StreamCall<NoInfer<Request>, NoInfer<Response>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelledBy(signal));
    const call: ClientReadableStream<Response> = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      timeoutMs === null ? {} : { deadline: Date.now() + timeoutMs },
    );
    const abort = (): void => call.cancel();
    const settle = (finish: () => void): void => {
      signal.removeEventListener("abort", abort);
      finish();
    };
    const fail = (thrown: unknown): void => {
      call.cancel();
      settle(() => reject(thrown));
    };
    signal.addEventListener("abort", abort, { once: true });
    call.on("error", (error: ServiceError) =>
      settle(() => reject(signal.aborted ? cancelledBy(signal) : fromServiceError(error))),
    );
    call.on("end", () => settle(resolve));
    call.on("data", (message: Response) => deliver(call, { message, onMessage, fail }));
  });
}

type Delivery<Response> = {
  readonly message: Response;
  readonly onMessage: (message: Response) => void | Promise<void>;
  readonly fail: (thrown: unknown) => void;
};

function deliver<Response>(
  call: ClientReadableStream<Response>,
  { message, onMessage, fail }: Delivery<Response>,
): void {
  try {
    const pending = onMessage(message);
    if (pending === undefined) return;
    call.pause();
    pending.then(() => call.resume(), fail);
  } catch (thrown) {
    fail(thrown);
  }
}

function cancelledBy(signal: AbortSignal): PomonaError {
  if (signal.reason instanceof PomonaError) return signal.reason;
  return new PomonaError("cancelled", "the call was cancelled by its caller", { cause: signal.reason });
}
