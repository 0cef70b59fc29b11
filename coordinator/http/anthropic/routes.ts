// Paths of Anthropic's API. Its models are at the path of OpenAI's.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { countOf } from "../../core/generation-request.ts";
import { type AnswerDependencies, answer } from "../answers/answer-request.ts";
import { parseCountTokens, parseMessagesRequest } from "./messages-request.ts";

export const anthropicPaths = ["/v1/messages", "/v1/messages/count_tokens"];

export function addAnthropicRoutes(app: FastifyInstance, dependencies: AnswerDependencies): void {
  const { gateway, openAnswers } = dependencies;
  app.post("/v1/messages", async (request, reply) => {
    await answer(parseMessagesRequest(request.body, isBeta(request)), dependencies, { request, reply });
    return reply;
  });
  app.post("/v1/messages/count_tokens", async (request, reply) => {
    const { model, input, isContextManaged } = parseCountTokens(request.body);
    const count = countOf(await openAnswers.during(reply.raw, (signal) => gateway.tokenize(model, input, signal)));
    const context = isContextManaged ? { original_input_tokens: count } : null;
    return { input_tokens: count, ...(isBeta(request) ? { context_management: context } : {}) };
  });
}

/** Its answers have fields of their own. Some clients say so in the path, others by a header that names what they know. */
function isBeta({ headers, query }: FastifyRequest): boolean {
  if ((headers["anthropic-beta"] ?? "") !== "") return true;
  return typeof query === "object" && query !== null && "beta" in query && query.beta === "true";
}
