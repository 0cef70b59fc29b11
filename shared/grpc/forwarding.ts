// Sends calls of any service on to another server as bytes: what the messages say is not known here.
import {
  type Client,
  type ClientDuplexStream,
  type Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServiceDefinition,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { createForwardingClient } from "./client.ts";
import type { GrpcService } from "./server.ts";
import { codeOf, toServiceError } from "./status.ts";

/** Marks a call that was sent on, with address:port of whoever made it: it is never sent on once more. */
const forwardedKey = "pomona-forwarded-for";

export type ForwardingTarget = {
  /** host:port. */
  readonly address: string;
  /** Aborted when calls that are still open there are given up. */
  readonly gone: AbortSignal;
  /** What a client is told when nobody answers there. */
  readonly unanswered: (reason: string) => Error;
};

/** null for a call that came from its client directly. */
export function forwardedPeerOf(metadata: Metadata): string | null {
  const value = metadata.get(forwardedKey)[0];
  return typeof value === "string" ? value : null;
}

/** Has one connection, to the last target. */
export class GrpcForwarder {
  #client: Client | null = null;
  #address = "";

  /**
   * The same service by other means. Deadlines, cancelling, metadata, errors with their details and back-pressure are
   * passed on both ways.
   * @param target where to; throws what the client is told when there is nowhere, or the call was sent on already.
   */
  service(definition: ServiceDefinition, target: (isForwarded: boolean) => ForwardingTarget): GrpcService {
    const methods = Object.entries(definition);
    const handle = (call: ServerDuplexStream<Buffer, Buffer>): void => {
      try {
        this.#forward(call, target(forwardedPeerOf(call.metadata) !== null));
      } catch (thrown) {
        call.emit("error", toServiceError(thrown));
      }
    };
    return {
      definition: Object.fromEntries(methods.map(([name, method]) => [name, asBytes(method)])),
      implementation: Object.fromEntries(methods.map(([name]) => [name, handle])),
    };
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }

  #forward(call: ServerDuplexStream<Buffer, Buffer>, target: ForwardingTarget): void {
    const metadata = call.metadata.clone();
    metadata.remove("user-agent");
    metadata.set(forwardedKey, call.getPeer());
    const deadline = call.getDeadline();
    const onward = this.#clientTo(target.address).makeBidiStreamRequest(
      call.getPath(),
      unchanged,
      unchanged,
      metadata,
      deadline === Number.POSITIVE_INFINITY ? {} : { deadline },
    );
    call.on("cancelled", () => onward.cancel());
    // Of a stream that the client has reset; `cancelled` says it too.
    call.on("error", () => onward.cancel());
    call.on("data", (message: Buffer) => {
      if (onward.write(message)) return;
      call.pause();
      onward.once("drain", () => call.resume());
    });
    call.on("end", () => onward.end());
    sendBack(onward, call, target);
  }

  #clientTo(address: string): Client {
    if (this.#client !== null && this.#address === address) return this.#client;
    this.close();
    this.#address = address;
    this.#client = createForwardingClient(address);
    return this.#client;
  }
}

function unchanged(bytes: Buffer): Buffer {
  return bytes;
}

/** On the wire calls of all kinds are the same: messages there, messages back, a status. */
function asBytes({ path }: MethodDefinition<unknown, unknown>): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: unchanged,
    requestDeserialize: unchanged,
    responseSerialize: unchanged,
    responseDeserialize: unchanged,
  };
}

function sendBack(
  onward: ClientDuplexStream<Buffer, Buffer>,
  call: ServerDuplexStream<Buffer, Buffer>,
  target: ForwardingTarget,
): void {
  onward.on("metadata", (metadata) => call.sendMetadata(metadata));
  onward.on("data", (message: Buffer) => {
    if (call.write(message)) return;
    onward.pause();
    call.once("drain", () => onward.resume());
  });
  // Said again by the status, which comes for every call.
  onward.on("error", () => undefined);
  const leave = (): void => {
    call.emit("error", toServiceError(target.unanswered("it is not the active one any more")));
    onward.cancel();
  };
  target.gone.addEventListener("abort", leave, { once: true });
  onward.on("status", (ended: StatusObject) => {
    target.gone.removeEventListener("abort", leave);
    if (target.gone.aborted) return;
    // What was received and not read yet comes first: a few messages, each of which is told as `data`.
    while (onward.read() !== null);
    if (ended.code === status.OK) call.end(ended.metadata);
    else call.emit("error", errorOf(ended, target));
  });
}

function errorOf(ended: StatusObject, { unanswered }: ForwardingTarget): Error {
  const { code, details, metadata } = ended;
  if (code === status.UNAVAILABLE && codeOf(metadata) === null) return toServiceError(unanswered(details));
  return Object.assign(new Error(details), { code, details, metadata });
}
