// Paths of Ollama's API. https://github.com/ollama/ollama/blob/main/docs/api.md
import { PomonaError } from "@pomona/shared/core/errors";
import { version } from "@pomona/shared/core/version";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ModelSummary } from "../../core/generation-request.ts";
import { answerPooled } from "../answers/answer-pooled.ts";
import { type AnswerDependencies, answer } from "../answers/answer-request.ts";
import { lineType } from "../answers/event-stream.ts";
import { emptyAnswer } from "./answers.ts";
import { type EmbedCall, parseEmbed, parseOldEmbeddings } from "./embed.ts";
import { managementCalls, parsePull, refuseManagement } from "./management.ts";
import { listModels, runningModels, showModel } from "./models.ts";
import { type OllamaRequest, parseChat, parseGenerate } from "./requests.ts";

/**
 * Clients ask for features by the version of Ollama that brought them: the one whose requests are understood here. They take it
 * for three numbers, so that nothing is added to it.
 */
const ollamaVersion = "0.14.0";

/** By this clients know that there is a server of this API. */
const rootText = "Ollama is running";

/** What each path takes. */
export const ollamaPaths: Readonly<Record<string, string>> = {
  "/api/chat": "POST",
  "/api/generate": "POST",
  "/api/embed": "POST",
  "/api/embeddings": "POST",
  "/api/show": "POST",
  "/api/tags": "GET, HEAD",
  "/api/ps": "GET, HEAD",
  "/api/version": "GET, HEAD",
  "/api/pull": "POST",
  ...Object.fromEntries(Object.entries(managementCalls).map(([path, { method }]) => [path, method])),
};

export function addOllamaRoutes(app: FastifyInstance, dependencies: AnswerDependencies): void {
  const { gateway } = dependencies;
  app.get("/", (request, reply) => {
    // What a browser shows there is not this API's.
    if (/\btext\/html\b/.test(request.headers.accept ?? ""))
      throw new PomonaError("not_found", "there is no page here");
    return reply.type("text/plain; charset=utf-8").send(rootText);
  });
  app.get("/api/version", () => ({ version: ollamaVersion, pomona_version: version }));
  app.get("/api/tags", () => listModels(gateway.models()));
  app.get("/api/ps", () => runningModels(gateway.models()));
  app.post("/api/show", (request) => showModel(request.body, gateway.models()));
  const models = (): readonly ModelSummary[] => gateway.models();
  app.post("/api/chat", async (request, reply) => {
    await respond(parseChat(request.body, models), "chat", { dependencies, request, reply });
    return reply;
  });
  app.post("/api/generate", async (request, reply) => {
    await respond(parseGenerate(request.body, models), "generate", { dependencies, request, reply });
    return reply;
  });
  app.post("/api/embed", async (request, reply) => {
    await respondWithVectors(parseEmbed(request.body, gateway), { dependencies, request, reply });
    return reply;
  });
  app.post("/api/embeddings", async (request, reply) => {
    await respondWithVectors(parseOldEmbeddings(request.body, gateway), { dependencies, request, reply });
    return reply;
  });
  app.post("/api/pull", (request, reply) => {
    const { isStream } = parsePull(request.body, gateway.models());
    const done = { status: "success" };
    return isStream ? reply.type(lineType).send(Buffer.from(`${JSON.stringify(done)}\n`)) : done;
  });
  for (const [url, { method }] of Object.entries(managementCalls))
    app.route({ method, url, handler: ({ body }) => refuseManagement(url, body, gateway.models()) });
}

type Context = {
  readonly dependencies: AnswerDependencies;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
};

async function respond(
  parsed: OllamaRequest,
  api: "chat" | "generate",
  { dependencies, request, reply }: Context,
): Promise<void> {
  if (parsed.kind === "answer") return await answer(parsed.asked, dependencies, { request, reply });
  if (parsed.kind === "load") await load(parsed.model, { dependencies, reply });
  await reply.send(emptyAnswer(parsed.asked, { api, reason: parsed.kind }));
}

async function respondWithVectors(call: EmbedCall, { dependencies, request, reply }: Context): Promise<void> {
  if (call.kind === "embed") return await answerPooled(call.run, dependencies, { request, reply });
  await load(call.model, { dependencies, reply });
  await reply.send(call.answer);
}

/** Resolves when the model is loaded. */
async function load(
  model: string,
  { dependencies: { gateway, openAnswers }, reply }: Pick<Context, "dependencies" | "reply">,
): Promise<void> {
  // Whatever is to be tokenized waits for the model, and has it loaded.
  await openAnswers.during(reply.raw, (signal) => gateway.tokenize(model, { kind: "text", text: "a" }, signal));
}
