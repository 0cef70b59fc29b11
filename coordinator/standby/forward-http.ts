// Sends an HTTP request on to the active coordinator, and its answer back as it comes.
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { type ActiveElsewhere, forwardedHeader, noActiveCoordinator } from "./duty.ts";

/** A machine that is gone answers no connection. */
const connectTimeoutMs = 2000;
/** After so long without a byte the system asks the other side for a sign of life; about ten seconds later it gives up. */
const keepAliveMs = 1000;

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
  /** Aborted when the client leaves or this process stops. */
  readonly signal: AbortSignal;
};

/**
 * Resolves when the answer has begun; nothing of it is kept here. An answer that breaks off on one side breaks off on the
 * other.
 * @throws PomonaError `no_active_coordinator` when that one does not answer.
 */
export function forwardHttp({ request, response, target, signal }: HttpForward): Promise<void> {
  const { gone, httpAddress } = target;
  const { host, port } = parseHostAndPort(httpAddress);
  return new Promise((resolve, reject) => {
    // A connection for each request: none can have gone stale with a coordinator that has died.
    const onward = httpRequest({
      host,
      port,
      method: request.method,
      path: request.url,
      headers: headersToSend(request),
      agent: false,
      signal,
    });
    const leave = (): void => void onward.destroy(new Error("it is not the active one any more"));
    gone.addEventListener("abort", leave, { once: true });
    response.once("close", () => gone.removeEventListener("abort", leave));
    const late = setTimeout(() => onward.destroy(new Error("the connection takes too long")), connectTimeoutMs);
    onward.on("socket", (socket) => {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
      socket.once("connect", () => clearTimeout(late));
    });
    onward.on("response", (answer) => {
      sendBack(answer, response);
      resolve();
    });
    onward.on("error", (error) => {
      clearTimeout(late);
      request.unpipe(onward);
      if (response.headersSent) response.destroy();
      else reject(signal.aborted ? signal.reason : unanswered(httpAddress, error));
    });
    request.pipe(onward);
  });
}

function sendBack(answer: IncomingMessage, response: ServerResponse): void {
  response.socket?.setNoDelay(true);
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !notSentBack.has(name)) response.setHeader(name, value);
  response.writeHead(answer.statusCode ?? 502);
  response.flushHeaders();
  answer.on("error", () => response.destroy());
  answer.pipe(response);
}

function headersToSend(request: IncomingMessage): IncomingHttpHeaders {
  const sent = Object.entries(request.headers).filter(([name]) => !notSentOn.has(name));
  // By this name every coordinator may be called, whatever it is bound to.
  return { ...Object.fromEntries(sent), host: "localhost", [forwardedHeader]: request.socket.remoteAddress ?? "" };
}

function unanswered(address: string, error: Error): Error {
  return noActiveCoordinator(`the active coordinator ${address} did not answer (${error.message}): try again`);
}
