// The HTTP side: OpenAI's API, health, readiness, metrics.
import { errorTable, PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { Logger } from "@pomona/shared/runtime/logger";
import { metricsContentType } from "@pomona/shared/runtime/metrics";
import { randomId } from "@pomona/shared/runtime/random-id";
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from "fastify";
import type { ModelSummary } from "../core/generation-request.ts";
import type { Gateway } from "../gateway.ts";
import { chatShape, completionShape } from "./openai/answer.ts";
import { errorBody, errorHeaders } from "./openai/error-body.ts";
import { answer } from "./openai/generate.ts";
import { parseChat, parseCompletion } from "./openai/request-schema.ts";
import { checkOrigin } from "./origin-guard.ts";

const bodyBytesMax = 10 * 1024 * 1024;

export type HttpServerOptions = {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly gateway: Gateway;
  readonly log: Logger;
};

export type HttpServer = {
  readonly port: number;
  /** Ends idle connections at once and running ones with their answers. */
  close(): Promise<void>;
};

/** @throws PomonaError `setup_failed` when the port is taken, with the fix. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, gateway, log } = options;
  const app = fastify({
    bodyLimit: bodyBytesMax,
    connectionTimeout: 0,
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    genReqId: () => randomId(),
    // An unreadable request line or header.
    frameworkErrors: (error, _request, reply) => sendError(reply as FastifyReply, toHttpError(error)),
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    checkOrigin(request.headers, host);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toHttpError(error);
    if (errorTable[known.code].httpStatus >= 500 && known.code === "internal") {
      log.error({ path: request.routeOptions.url, message: known.message }, "request failed inside");
    }
    return sendError(reply, known);
  });
  addRoutes(app, gateway);
  addFallbacks(app);
  return listen(app, host, port);
}

function addRoutes(app: FastifyInstance, gateway: Gateway): void {
  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const readiness = gateway.readiness();
    return reply.status(readiness.isReady ? 200 : 503).send({ ready: readiness.isReady, reasons: readiness.reasons });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.header("content-type", metricsContentType).send(await gateway.metricsText()),
  );
  app.get("/v1/models", () => ({ object: "list", data: gateway.models().map(openaiModel) }));
  // Names may hold slashes, hence the wildcard.
  app.get<{ Params: { "*": string } }>("/v1/models/*", (request) => oneModel(gateway, request.params["*"]));
  app.post("/v1/chat/completions", async (request, reply) => {
    await answer(parseChat(request.body), { gateway, reply, shape: chatShape });
    return reply;
  });
  app.post("/v1/completions", async (request, reply) => {
    await answer(parseCompletion(request.body), { gateway, reply, shape: completionShape });
    return reply;
  });
}

function openaiModel(model: ModelSummary): object {
  const created = Math.floor(model.createdAtMs / 1000);
  return { id: model.name, object: "model", created, owned_by: "pomona" };
}

function oneModel(gateway: Gateway, name: string): object {
  const models = gateway.models();
  const found = models.find((model) => model.name === name);
  if (found !== undefined) return openaiModel(found);
  const names = models.map((model) => model.name).join(", ") || "none";
  throw new PomonaError("model_not_found", `model ${JSON.stringify(name)} is not in this pool; it has: ${names}`, {
    field: "model",
  });
}

const postPaths = ["/v1/chat/completions", "/v1/completions"];
const getPaths = ["/healthz", "/readyz", "/metrics", "/v1/models"];

/** 405 for a known path with another method, 404 for the rest. */
function addFallbacks(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    const path = (request.url.split("?")[0] ?? "").replace(/\/$/, "");
    const allowed = postPaths.includes(path) ? "POST" : getPaths.includes(path) ? "GET, HEAD" : null;
    if (allowed === null)
      return sendError(reply, new PomonaError("not_found", `there is no ${request.method} ${path.slice(0, 200)}`));
    reply.header("allow", allowed);
    return sendError(reply, new PomonaError("method_not_allowed", `${path} takes ${allowed}, not ${request.method}`));
  });
}

function sendError(reply: FastifyReply, error: PomonaError): FastifyReply {
  return reply.status(errorTable[error.code].httpStatus).headers(errorHeaders(error)).send(errorBody(error));
}

/** Our own errors as they are; fastify's by their status. */
function toHttpError(error: FastifyError | PomonaError): PomonaError {
  if (error instanceof PomonaError) return error;
  switch (error.statusCode) {
    case 413:
      return new PomonaError("payload_too_large", `the body is larger than ${bodyBytesMax} bytes`);
    case 415:
      return new PomonaError("unsupported_media_type", "send the body as content-type application/json");
    default:
      if ((error.statusCode ?? 500) >= 500) return toPomonaError(error);
      return new PomonaError("invalid_request", `the body is not valid JSON: ${error.message}`);
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<HttpServer> {
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
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new PomonaError("internal", "the HTTP server has no port");
  return { port: address.port, close: () => app.close() };
}
