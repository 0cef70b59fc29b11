import type { handleServerStreamingCall, handleUnaryCall, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import { PomonaError } from "../core/errors.ts";
import { isReadByPeer } from "./connection-probe.ts";
import { forwardedPeerOf } from "./forwarding.ts";
import { toServiceError } from "./status.ts";

/** What a handler knows of its call beside the request. */
export type CallContext = {
  /** Aborted when the client cancels, its deadline passes, or its connection breaks. */
  readonly signal: AbortSignal;
  /** address:port of the client. */
  readonly peer: string;
  /** address:port of whoever called a coordinator that sent the call on, as that one says; null for a direct call. */
  readonly forwardedPeer: string | null;
  /** A text of the call's metadata by its name. */
  readonly metadata: (name: string) => string | undefined;
};

/** A unary method as an async function; whatever it throws becomes the gRPC error of its code. */
export function unaryHandler<Request, Response>(
  handle: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort(clientLeft()));
    Promise.resolve()
      .then(() => handle(call.request, { signal: controller.signal, ...callerOf(call) }))
      .then(
        (response) => callback(null, response),
        (thrown: unknown) => callback(toServiceError(thrown)),
      );
  };
}

/** The sending side of a server stream. */
export type ResponseStream<Response> = CallContext & {
  /**
   * Sends at once. The promise resolves when more may be sent: wait for it before sending what can wait. It resolves
   * at once when the client has gone, and what is sent then is dropped.
   */
  send(message: Response): Promise<void>;
  /** Resolves when the message has left this process, or the client has gone: its buffers may be used again. */
  sendThrough(message: Response): Promise<void>;
  /** Resolves when the client's process has read the message: true; or never will: false. */
  sendConfirmed(message: Response): Promise<boolean>;
};

/** A server-streaming method: the stream ends when the returned promise resolves, or with the error that it threw. */
export function streamHandler<Request, Response>(
  handle: (request: Request, stream: ResponseStream<Response>) => Promise<void> | void,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort(clientLeft()));
    // A write to a stream that the client has reset is reported here; `cancelled` already told the handler.
    call.on("error", () => controller.abort(clientLeft()));
    const { signal } = controller;
    const stream = {
      signal,
      ...callerOf(call),
      send: (message: Response) => send(call, message, signal),
      sendThrough: (message: Response) => sendThrough(call, message, signal),
      sendConfirmed: (message: Response) => sendConfirmed(call, message, signal),
    };
    Promise.resolve()
      .then(() => handle(call.request, stream))
      .then(
        () => call.end(),
        (thrown: unknown) => call.emit("error", toServiceError(thrown)),
      );
  };
}

function callerOf(call: Pick<ServerUnaryCall<unknown, unknown>, "getPeer" | "metadata">): Omit<CallContext, "signal"> {
  const metadata = (name: string): string | undefined => {
    const value = call.metadata.get(name)[0];
    return typeof value === "string" ? value : undefined;
  };
  return { peer: call.getPeer(), forwardedPeer: forwardedPeerOf(call.metadata), metadata };
}

function send<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  message: Response,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || call.write(message)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      call.removeListener("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("drain", done);
    signal.addEventListener("abort", done, { once: true });
  });
}

function sendThrough<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  message: Response,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    call.write(message, done);
  });
}

async function sendConfirmed<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  message: Response,
  signal: AbortSignal,
): Promise<boolean> {
  await sendThrough(call, message, signal);
  return !signal.aborted && (await isReadByPeer(call));
}

function clientLeft(): PomonaError {
  return new PomonaError("cancelled", "the client cancelled the call or went away");
}
