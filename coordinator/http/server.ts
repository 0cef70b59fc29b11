// The HTTP server: its limits, who may call it, errors in one shape, and an end in order.
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Logger } from "@pomona/shared/runtime/logger";
import { OpenFiles } from "@pomona/shared/runtime/open-files";
import { randomId } from "@pomona/shared/runtime/random-id";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Gateway } from "../gateway.ts";
import type { ClusterCalls } from "../grpc/cluster-calls.ts";
import { type Duty, forwardedHeader, targetOf } from "../standby/duty.ts";
import { forwardHttp } from "../standby/forward-http.ts";
import { OpenAnswers } from "./answers/open-answers.ts";
import { apiOf } from "./api-of.ts";
import { readJsonBodies } from "./bodies/json-body.ts";
import {
  closeAsFull,
  connectionsFull,
  frameworkError,
  publicError,
  refuseConnection,
  sendError,
} from "./http-error.ts";
import { defaultHttpLimits, type HttpLimits } from "./limits.ts";
import { checkOrigin } from "./origin-guard.ts";
import { checkHostHeader, pathOf, takeEveryHead } from "./request-head.ts";
import { addRoutes, allowedMethods } from "./routes.ts";

export type HttpServerOptions = {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly gateway: Gateway;
  /** What `/cluster/v1` answers. */
  readonly calls: ClusterCalls;
  readonly log: Logger;
  /** Whether requests are answered here, always by default. */
  readonly duty?: () => Duty;
  /** What the process has open, its own by default. */
  readonly files?: OpenFiles;
  /** Those of `defaultHttpLimits` where none are named. */
  readonly limits?: Partial<HttpLimits>;
};

export type HttpServer = {
  readonly port: number;
  /** Whether an answer is under way. */
  readonly isAnswering: boolean;
  /** From now on everything is refused with `shutting_down`, but what this coordinator says of itself. */
  refuse(): void;
  /**
   * Refuses, gives the port free before it returns, ends idle connections at once, and running answers at the latest after
   * `graceMs`, `closeGraceMs` by default: those that are not done by then get the error `shutting_down`.
   */
  close(graceMs?: number): Promise<void>;
};

/** How often idle connections are looked for while the server stops, and slow requests while it runs. */
const closePollMs = 20;
const connectionCheckMs = 1000;
/** Connections beyond the limit that are told so at the same time, and how long each may take. */
const refusedAtOnce = 64;
const refusedMs = 1000;
/** After the error, time for it to reach the client. */
const closeFlushMs = 500;

/** @throws PomonaError `setup_failed` when the port is taken, with the fix. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const app = createApp(limits);
  const openAnswers = new OpenAnswers();
  const closing = { isClosing: false };
  app.server.headersTimeout = limits.headersTimeoutMs;
  takeEveryHead(app.server);
  const refused = refuseTooMany(app.server, { files: options.files ?? new OpenFiles(), limits });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    if (apiOf(request) === "anthropic") reply.header("request-id", request.id);
    if (refused.has(request.raw.socket)) {
      reply.header("connection", "close");
      throw connectionsFull();
    }
    checkHostHeader(request.raw);
    checkOrigin(request.headers, options.host);
    if (closing.isClosing && !isOwnPath(request)) {
      // Whoever asks again is to find the successor.
      reply.header("connection", "close");
      throw shuttingDown();
    }
    const duty = options.duty ?? (() => ({ kind: "active" }) as const);
    if (duty().kind === "standby" && !isOwnPath(request)) await sendOn(request, reply, { duty, openAnswers });
    else checkPath(request, reply);
  });
  app.addHook("onSend", async (_request, reply) => cutOffWhenStalled(reply.raw, limits.stalledReaderMs));
  app.setErrorHandler((thrown, request, reply) => {
    const known = frameworkError(thrown);
    return sendError(reply, known ?? publicError(thrown, { log: options.log, requestId: request.id }));
  });
  readJsonBodies(app, limits);
  const { gateway, calls, log } = options;
  addRoutes(app, { gateway, calls, log, limits, openAnswers });
  await listen(app, options.host, options.port);
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new PomonaError("internal", "the HTTP server has no port");
  let closed: Promise<void> | null = null;
  const refuse = (): void => {
    closing.isClosing = true;
  };
  const close = (graceMs = limits.closeGraceMs): Promise<void> => {
    refuse();
    closed ??= closeInOrder(app, { openAnswers, graceMs });
    return closed;
  };
  return {
    port: address.port,
    get isAnswering() {
      return openAnswers.count > 0;
    },
    refuse,
    close,
  };
}

/** What every coordinator says of itself. */
function isOwnPath({ url }: FastifyRequest): boolean {
  return /^\/(healthz|readyz|metrics)\/?(\?|$)/.test(url);
}

async function sendOn(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { duty, openAnswers }: { readonly duty: () => Duty; readonly openAnswers: OpenAnswers },
): Promise<void> {
  const now = duty();
  if (now.kind === "active") return;
  const target = targetOf(now, raw.headers[forwardedHeader] !== undefined);
  const { signal, release } = openAnswers.start(reply.raw);
  reply.raw.once("close", release);
  await forwardHttp({ request: raw, response: reply.raw, target, duty, signal });
  reply.hijack();
}

function createApp(limits: HttpLimits): FastifyInstance {
  return fastify({
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 72_000,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    exposeHeadRoutes: true,
    routerOptions: { ignoreTrailingSlash: true },
    rewriteUrl: pathOf,
    http: {
      requireHostHeader: false,
      connectionsCheckingInterval: Math.min(connectionCheckMs, limits.headersTimeoutMs),
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
    },
    genReqId: () => randomId(),
    clientErrorHandler: refuseConnection,
    // A path that cannot be decoded.
    frameworkErrors: (error, request, reply) => {
      // Fastify types the reply of a route that does not exist yet; it is an ordinary one.
      const plain = reply as FastifyReply;
      plain.header("x-request-id", request.id);
      sendError(plain, new PomonaError("invalid_request", `the path cannot be read: ${error.code}`));
    },
  });
}

/** 404 for an unknown path and 405 for a known one with another method, before any body is read. */
function checkPath(request: FastifyRequest, reply: FastifyReply): void {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new PomonaError("unsupported_media_type", "send the body without a content-encoding");
  }
  if (!request.is404) return;
  const path = request.url.split("?")[0] ?? "";
  const allowed = allowedMethods(path);
  if (allowed === null) throw new PomonaError("not_found", `there is no ${request.method} ${path.slice(0, 200)}`);
  reply.header("allow", allowed);
  throw new PomonaError("method_not_allowed", `${path.slice(0, 200)} takes ${allowed}, not ${request.method}`);
}

/** A reader that takes nothing of an answer for this time is cut off, and what waits for it forgotten. */
function cutOffWhenStalled(response: ServerResponse, stalledReaderMs: number): void {
  response.socket?.setTimeout(stalledReaderMs);
  // Before Node sets the time of an idle connection; a request that came behind this one may wait for long.
  response.prependOnceListener("finish", () => response.socket?.setTimeout(0));
}

/** Connections that are let in only to be told so. */
function refuseTooMany(
  server: Server,
  { files, limits }: { readonly files: OpenFiles; readonly limits: HttpLimits },
): WeakSet<Socket> {
  const refused = new WeakSet<Socket>();
  let open = 0;
  server.on("connection", (socket: Socket) => {
    open += 1;
    socket.once("close", () => {
      open -= 1;
    });
    const admission = files.admit(socket);
    if (admission === "toClose" || open > limits.connectionsMax + refusedAtOnce) {
      closeAsFull(socket);
    } else if (admission === "refused" || open > limits.connectionsMax) {
      refused.add(socket);
      // One that asks for nothing is not told anything either.
      const late = setTimeout(() => socket.destroy(), refusedMs);
      socket.once("close", () => clearTimeout(late));
    }
  });
  return refused;
}

function shuttingDown(): PomonaError {
  return new PomonaError("shutting_down", "this coordinator is stopping: try again in a moment", {
    retryAfterMs: 1000,
  });
}

async function closeInOrder(
  app: FastifyInstance,
  { openAnswers, graceMs }: { readonly openAnswers: OpenAnswers; readonly graceMs: number },
): Promise<void> {
  // A connection that becomes idle after the first look would else be kept for a minute.
  const poll = setInterval(() => app.server.closeIdleConnections(), closePollMs);
  const abort = setTimeout(() => openAnswers.abortAll(shuttingDown()), graceMs);
  const force = setTimeout(() => app.server.closeAllConnections(), graceMs + closeFlushMs);
  try {
    // Fastify does it a little later.
    await new Promise((resolve) => app.server.close(resolve));
    await app.close();
  } finally {
    clearInterval(poll);
    clearTimeout(abort);
    clearTimeout(force);
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    const fix =
      code === "EADDRINUSE"
        ? "is taken: stop what uses it, or name another with --http-port"
        : `cannot be bound (${code})`;
    throw new PomonaError("setup_failed", `HTTP port ${port} on ${host} ${fix}`, { cause: error });
  }
}
