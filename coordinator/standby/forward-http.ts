// Sends an HTTP request on to the active coordinator, and its answer back as it comes.
import { once } from "node:events";
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { hostAndPort, parseHostAndPort } from "@pomona/shared/grpc/address";
import { linesAsEventsHeader, linesAsEventsType, lineType } from "../http/answers/event-stream.ts";
import { GrowingBuffer, lengthTold } from "../http/bodies/growing-buffer.ts";
import { defaultHttpLimits } from "../http/limits.ts";
import { type ActiveElsewhere, type Duty, forwardedHeader, noActiveCoordinator } from "./duty.ts";
import { EventRelay } from "./event-relay.ts";
import { LinesOfEvents } from "./lines-of-events.ts";

/** A machine that is gone answers no connection. */
const connectTimeoutMs = 2000;
/** After so long without a byte the system asks the other side for a sign of life; about ten seconds later it gives up. */
const keepAliveMs = 1000;
/** By then another coordinator has taken over, and taken up what ran. */
const takeoverMs = 15_000;
const retryMs = 100;

// Of one connection: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1. The standby has checked where it came from.
const notSentOn = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "origin",
  "sec-fetch-site",
]);
const notSentBack = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

export type HttpForward = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: ActiveElsewhere;
  /** Who is active by now. */
  readonly duty: () => Duty;
  /** Aborted when the client leaves or this process stops. */
  readonly signal: AbortSignal;
};

/**
 * Resolves when the answer has begun. An answer on its way outlives the coordinator that gives it: the rest is asked of the
 * next one. Any other that breaks off on one side breaks off on the other.
 * @throws PomonaError `no_active_coordinator` when that one does not answer.
 */
export async function forwardHttp(forward: HttpForward): Promise<void> {
  const { request, response, target, signal } = forward;
  const { bodyBytesMax } = defaultHttpLimits;
  const body = new GrowingBuffer({ bytesMax: bodyBytesMax, expectedBytes: lengthTold(request) });
  let bodyBytes = 0;
  const call = { ...callOf(request), address: target.httpAddress, signal };
  const answer = await dial(call, target.gone, (onward) => {
    request.on("data", (piece: Buffer) => {
      bodyBytes += piece.length;
      // A longer one is refused by whoever answers, and never asked for again.
      if (bodyBytes <= bodyBytesMax) body.add(piece);
    });
    request.pipe(onward);
    onward.once("error", () => request.unpipe(onward));
  }).catch((error: Error) => {
    throw signal.aborted ? signal.reason : unanswered(target.httpAddress, error);
  });
  begin(answer, response);
  const isStream = answer.statusCode === 200 && /^text\/event-stream/.test(answer.headers["content-type"] ?? "");
  if (isStream && request.method === "POST") {
    relay({ ...forward, answer, body: () => body.bytes }).catch(() => response.destroy());
    return;
  }
  answer.on("error", () => response.destroy());
  answer.pipe(response);
}

type Call = {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** host:port. */
  readonly address: string;
  readonly signal: AbortSignal;
};

function callOf(request: IncomingMessage): Pick<Call, "method" | "path" | "headers"> {
  return { method: request.method, path: request.url, headers: headersToSend(request) };
}

/** Resolves with the beginning of the answer. After `gone` the connection ends. */
function dial(
  { address, ...call }: Call,
  gone: AbortSignal,
  send: (onward: ClientRequest) => void,
): Promise<IncomingMessage> {
  const { host, port } = parseHostAndPort(address);
  return new Promise((resolve, reject) => {
    // A connection for each request: none can have gone stale with a coordinator that has died.
    const onward = httpRequest({ ...call, host, port, agent: false });
    const leave = (): void => void onward.destroy(new Error("it is not the active one any more"));
    gone.addEventListener("abort", leave, { once: true });
    onward.once("close", () => gone.removeEventListener("abort", leave));
    const late = setTimeout(() => onward.destroy(new Error("the connection takes too long")), connectTimeoutMs);
    onward.on("socket", (socket) => {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
      socket.once("connect", () => clearTimeout(late));
    });
    onward.on("response", resolve);
    onward.on("error", (error) => {
      clearTimeout(late);
      reject(error);
    });
    send(onward);
  });
}

function begin(answer: IncomingMessage, response: ServerResponse): void {
  response.socket?.setNoDelay(true);
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !notSentBack.has(name)) response.setHeader(name, value);
  if (isOfLines(answer)) response.setHeader("content-type", lineType);
  response.writeHead(answer.statusCode ?? 502);
  response.flushHeaders();
}

function isOfLines({ headers }: IncomingMessage): boolean {
  return headers["content-type"] === linesAsEventsType;
}

type Relayed = HttpForward & { readonly answer: IncomingMessage; readonly body: () => Buffer };

/** Events as the client is to have them. */
type Showing = (events: Buffer) => Buffer;

/** Passes events on until their end, from one coordinator after the other. */
async function relay(relayed: Relayed): Promise<void> {
  const { answer, response, signal } = relayed;
  const events = new EventRelay();
  const lines = new LinesOfEvents();
  const shown: Showing = isOfLines(answer) ? (whole) => lines.take(whole) : (whole) => whole;
  for (let source: IncomingMessage | null = answer; source !== null; ) {
    const isWhole = await pass(source, response, (piece) => shown(events.push(piece)));
    const { farewell } = events;
    if (signal.aborted || (farewell === null && (isWhole || events.isDone))) break;
    events.cut();
    source = await rest(relayed, events.lastId || events.requestId || String(answer.headers["x-request-id"] ?? ""));
    // Nobody has it, and the client nothing of it: it was still waiting, or had just begun.
    if (source === null && !events.hasBegun) source = await rest(relayed, null);
    if (source !== null) continue;
    if (farewell === null) return void response.destroy();
    response.write(shown(farewell));
  }
  response.end();
}

/** Resolves with whether the source came to its end: false when its connection broke. */
async function pass(source: IncomingMessage, response: ServerResponse, take: Showing): Promise<boolean> {
  try {
    for await (const piece of source) {
      const passed = take(piece);
      if (passed.length > 0 && !response.write(passed)) await once(response, "drain");
    }
    return source.complete;
  } catch {
    return false;
  }
}

/**
 * The answer from an event on, of whoever is the active coordinator by then, or another answer where `lastId` is null; null when
 * nobody has it.
 */
async function rest({ request, duty, signal, body }: Relayed, lastId: string | null): Promise<IncomingMessage | null> {
  if (lastId === "") return null;
  const untilMs = performance.now() + takeoverMs;
  const own = hostAndPort(request.socket.localAddress ?? "127.0.0.1", request.socket.localPort ?? 0);
  const call = callOf(request);
  while (performance.now() < untilMs && !signal.aborted) {
    const now = duty();
    const address = now.kind === "active" ? own : now.active?.httpAddress;
    const gone = now.kind === "standby" && now.active !== null ? now.active.gone : signal;
    const headers = lastId === null ? call.headers : { ...call.headers, "last-event-id": lastId };
    const answer =
      address === undefined || gone.aborted
        ? null
        : await dial({ ...call, headers, address, signal }, gone, (onward) => onward.end(body())).catch(() => null);
    if (answer?.statusCode === 200) return answer;
    answer?.resume();
    if (answer?.statusCode === 404) return null;
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

function headersToSend(request: IncomingMessage): IncomingHttpHeaders {
  const sent = Object.entries(request.headers).filter(([name]) => !notSentOn.has(name));
  // By this name every coordinator may be called, whatever it is bound to.
  return {
    ...Object.fromEntries(sent),
    host: "localhost",
    [forwardedHeader]: request.socket.remoteAddress ?? "",
    [linesAsEventsHeader]: "true",
  };
}

function unanswered(address: string, error: Error): Error {
  return noActiveCoordinator(`the active coordinator ${address} did not answer (${error.message}): try again`);
}
