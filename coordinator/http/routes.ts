// Paths, and what is said of the others.
import { metricsContentType } from "@pomona/shared/runtime/metrics";
import type { FastifyInstance } from "fastify";
import { unknownModel } from "../core/admission.ts";
import type { ModelSummary } from "../core/generation-request.ts";
import type { Gateway } from "../gateway.ts";
import { answerPooled } from "./answers/answer-pooled.ts";
import { type AnswerDependencies, answer } from "./answers/answer-request.ts";
import { modelInfo, modelPage } from "./anthropic/models.ts";
import { addAnthropicRoutes, anthropicPaths } from "./anthropic/routes.ts";
import { apiOf } from "./api-of.ts";
import { addClusterRoutes, type ClusterRoutesDependencies, clusterPaths } from "./cluster/routes.ts";
import { addOllamaRoutes, ollamaPaths } from "./ollama/routes.ts";
import { parseEmbeddings } from "./openai/embeddings.ts";
import { parseChat, parseCompletion } from "./openai/request-schema.ts";
import { parseRerank } from "./openai/rerank.ts";
import { addResponsesRoutes, responsesMethods } from "./openai/responses/routes.ts";

export function addRoutes(app: FastifyInstance, dependencies: AnswerDependencies & ClusterRoutesDependencies): void {
  const { gateway } = dependencies;
  addClusterRoutes(app, dependencies);
  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const { isReady, reasons } = gateway.readiness();
    return reply.status(isReady ? 200 : 503).send({ ready: isReady, reasons });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.header("content-type", metricsContentType).send(await gateway.metricsText()),
  );
  app.get("/v1/models", (request) =>
    apiOf(request) === "anthropic"
      ? modelPage(gateway.models(), request.query)
      : { object: "list", data: gateway.models().map(openaiModel) },
  );
  // Names may hold slashes, hence the wildcard.
  app.get<{ Params: { "*": string } }>("/v1/models/*", (request) => {
    const model = oneModel(gateway, request.params["*"]);
    return apiOf(request) === "anthropic" ? modelInfo(model) : openaiModel(model);
  });
  addAnthropicRoutes(app, dependencies);
  addOllamaRoutes(app, dependencies);
  app.post("/v1/chat/completions", async (request, reply) => {
    await answer(parseChat(request.body), dependencies, { request, reply });
    return reply;
  });
  app.post("/v1/completions", async (request, reply) => {
    await answer(parseCompletion(request.body), dependencies, { request, reply });
    return reply;
  });
  app.post("/v1/embeddings", async (request, reply) => {
    await answerPooled(parseEmbeddings(request.body, gateway), dependencies, { request, reply });
    return reply;
  });
  app.post("/v1/rerank", async (request, reply) => {
    await answerPooled(parseRerank(request.body, gateway), dependencies, { request, reply });
    return reply;
  });
  addResponsesRoutes(app, dependencies);
}

function openaiModel(model: ModelSummary): object {
  const created = Math.floor(model.createdAtMs / 1000);
  return { id: model.name, object: "model", created, owned_by: "pomona" };
}

function oneModel(gateway: Gateway, name: string): ModelSummary {
  const models = gateway.models();
  const found = models.find((model) => model.name === name);
  if (found !== undefined) return found;
  throw unknownModel(
    name,
    models.map((model) => model.name),
  );
}

const postPaths = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank", ...anthropicPaths];
const getPaths = ["", "/healthz", "/readyz", "/metrics", "/v1/models"];

/** What a path takes, or null when there is no such path. */
export function allowedMethods(path: string): string | null {
  const name = path.replace(/\/$/, "");
  if (postPaths.includes(name)) return "POST";
  if (getPaths.includes(name) || name.startsWith("/v1/models/")) return "GET, HEAD";
  const ollama = Object.entries(ollamaPaths).find(([known]) => known === name);
  const cluster = clusterPaths.find(([pattern]) => pattern.test(name));
  return ollama?.[1] ?? responsesMethods(name) ?? cluster?.[1] ?? null;
}
