// Sends calls of any service on to another server as bytes: what the messages say is not known here. A stream whose server goes
// away is asked of the next one, where somebody who knows its messages says how.
import { setTimeout as delay } from "node:timers/promises";
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
import type { ErrorCode } from "../core/errors.ts";
import { createForwardingClient } from "./client.ts";
import type { GrpcService } from "./server.ts";
import { codeOf, toServiceError } from "./status.ts";

/** Marks a call that was sent on, with address:port of whoever made it: it is never sent on once more. */
const forwardedKey = "pomona-forwarded-for";
/** By then another server has taken over, and taken up what ran. */
const takeoverMs = 15_000;
const retryMs = 100;

export type ForwardingTarget = {
  /** host:port. */
  readonly address: string;
  /** Aborted when calls that are still open there are given up. */
  readonly gone: AbortSignal;
  /** What a client is told when nobody answers there. */
  readonly unanswered: (reason: string) => Error;
};

export type ForwardedService = {
  readonly definition: ServiceDefinition;
  /** Where to; throws what the client is told when there is nowhere, or the call was sent on already. */
  readonly target: (isForwarded: boolean) => ForwardingTarget;
  /** Where the rest of a stream may be by now; null while there is nowhere. */
  readonly nextTarget?: () => ForwardingTarget | null;
  /** For streams that can go on elsewhere, by the names of their methods. */
  readonly resumptions?: Readonly<Record<string, () => Resumption>>;
};

/** Follows one stream. */
export type Resumption = {
  /** Looks at a message: its client gets it, has it already, or its server says that it leaves the rest to another one. */
  readonly take: (message: Buffer) => "pass" | "drop" | "left";
  /** null while nobody could say what the rest is. */
  readonly rest: () => RestCall | null;
};

/** The call that gives the rest of a stream. */
export type RestCall = {
  readonly path: string;
  readonly request: Buffer;
  /** Makes a message of its answer one of the first call. */
  readonly unwrap: (message: Buffer) => Buffer;
};

/** null for a call that came from its client directly. */
export function forwardedPeerOf(metadata: Metadata): string | null {
  const value = metadata.get(forwardedKey)[0];
  return typeof value === "string" ? value : null;
}

type ClientCall = ServerDuplexStream<Buffer, Buffer>;
type OnwardCall = ClientDuplexStream<Buffer, Buffer>;

/** Has one connection, to the last target. */
export class GrpcForwarder {
  #client: Client | null = null;
  #address = "";

  /**
   * The same service by other means. Deadlines, cancelling, metadata, errors with their details and back-pressure are
   * passed on both ways.
   */
  service(forwarded: ForwardedService): GrpcService {
    const methods = Object.entries(forwarded.definition);
    const handlerOf = (name: string) => (call: ClientCall) => void this.#answer(call, name, forwarded);
    return {
      definition: Object.fromEntries(methods.map(([name, method]) => [name, asBytes(method)])),
      implementation: Object.fromEntries(methods.map(([name]) => [name, handlerOf(name)])),
    };
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** One server after the other, until the answer has come to its end, or nobody has the rest of it. */
  async #answer(call: ClientCall, name: string, { target, nextTarget, resumptions }: ForwardedService): Promise<void> {
    const resumption = resumptions?.[name]?.() ?? null;
    let leg: Leg;
    try {
      const first = target(forwardedPeerOf(call.metadata) !== null);
      const onward = this.#dial(call, first.address, call.getPath());
      onward.on("metadata", (metadata) => call.sendMetadata(metadata));
      sendRequest(call, onward);
      leg = await pass({ call, onward, target: first, resumption, unwrap: unchanged });
    } catch (thrown) {
      call.emit("error", toServiceError(thrown));
      return;
    }
    let untilMs = performance.now() + takeoverMs;
    while (leg.isBroken && !call.cancelled && performance.now() < untilMs) {
      const rest = resumption?.rest() ?? null;
      if (rest === null) break;
      const next = nextTarget?.() ?? null;
      if (next !== null) {
        const onward = this.#dial(call, next.address, rest.path);
        onward.write(rest.request);
        onward.end();
        const after = await pass({ call, onward, target: next, resumption, unwrap: rest.unwrap });
        if (after.taken > 0) untilMs = performance.now() + takeoverMs;
        // Nobody has it: the client is told of the break, after which it may ask again.
        else if (after.error !== null && !after.isBroken) break;
        leg = after;
      }
      if (leg.isBroken) await delay(retryMs);
    }
    if (leg.error === null) call.end(leg.metadata);
    else call.emit("error", leg.error);
  }

  #dial(call: ClientCall, address: string, path: string): OnwardCall {
    const metadata = call.metadata.clone();
    metadata.remove("user-agent");
    metadata.set(forwardedKey, call.getPeer());
    const deadline = call.getDeadline();
    const options = deadline === Number.POSITIVE_INFINITY ? {} : { deadline };
    const onward = this.#clientTo(address).makeBidiStreamRequest(path, unchanged, unchanged, metadata, options);
    const leave = (): void => onward.cancel();
    call.once("cancelled", leave);
    // Of a stream that the client has reset; `cancelled` says it too.
    call.once("error", leave);
    onward.once("status", () => {
      call.removeListener("cancelled", leave);
      call.removeListener("error", leave);
    });
    return onward;
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

function sendRequest(call: ClientCall, onward: OnwardCall): void {
  call.on("data", (message: Buffer) => {
    if (onward.write(message)) return;
    call.pause();
    onward.once("drain", () => call.resume());
  });
  call.on("end", () => onward.end());
}

type Passing = {
  readonly call: ClientCall;
  readonly onward: OnwardCall;
  readonly target: ForwardingTarget;
  readonly resumption: Resumption | null;
  readonly unwrap: (message: Buffer) => Buffer;
};

/** How one server's part of an answer ended. */
type Leg = {
  readonly metadata: Metadata | undefined;
  /** null for an end without one. */
  readonly error: Error | null;
  /** Whether another server may have the rest. */
  readonly isBroken: boolean;
  /** Messages that came. */
  readonly taken: number;
};

function pass({ call, onward, target, resumption, unwrap }: Passing): Promise<Leg> {
  return new Promise((resolve) => {
    let taken = 0;
    let brokenBy: string | null = null;
    const settle = (leg: Omit<Leg, "taken">): void => {
      target.gone.removeEventListener("abort", leave);
      resolve({ ...leg, taken });
    };
    /** What comes after it is nobody's: another server is asked for the same. */
    const breakOff = (reason: string): void => {
      brokenBy = reason;
      onward.cancel();
      settle({ metadata: undefined, error: toServiceError(target.unanswered(reason)), isBroken: true });
    };
    const leave = (): void => breakOff("it is not the active one any more");
    target.gone.addEventListener("abort", leave, { once: true });
    onward.on("data", (wrapped: Buffer) => {
      if (brokenBy !== null) return;
      const message = unwrap(wrapped);
      const verdict = resumption?.take(message) ?? "pass";
      if (verdict === "left") return breakOff("it stops");
      taken += 1;
      if (verdict === "drop") return;
      if (call.write(message) || onward.isPaused()) return;
      onward.pause();
      call.once("drain", () => onward.resume());
    });
    // Said again by the status, which comes for every call.
    onward.on("error", () => undefined);
    onward.on("status", (ended: StatusObject) => {
      // What was received and not read yet comes first: a few messages, each of which is told as `data`.
      while (brokenBy === null && onward.read() !== null);
      if (brokenBy !== null) return;
      const { metadata } = ended;
      if (ended.code === status.OK) settle({ metadata, error: null, isBroken: false });
      else settle({ metadata, error: errorOf(ended, target), isBroken: isBreak(ended) });
    });
  });
}

/** What a server says that leaves the rest to another one, or has not found it yet. */
const breakCodes: ReadonlySet<ErrorCode> = new Set(["shutting_down", "no_active_coordinator", "model_not_ready"]);
/** What grpc-js says of a connection that broke. */
const breakStatuses: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.INTERNAL, status.CANCELLED]);

function isBreak({ code, metadata }: StatusObject): boolean {
  const own = codeOf(metadata);
  return own === null ? breakStatuses.has(code) : breakCodes.has(own);
}

function errorOf(ended: StatusObject, { unanswered }: ForwardingTarget): Error {
  const { code, details, metadata } = ended;
  if (code === status.UNAVAILABLE && codeOf(metadata) === null) return toServiceError(unanswered(details));
  return Object.assign(new Error(details), { code, details, metadata });
}
