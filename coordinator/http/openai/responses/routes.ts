// /v1/responses and what lies below it.
import { PomonaError } from "@pomona/shared/core/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { tenantOf } from "../../../caller.ts";
import { countOf } from "../../../core/generation-request.ts";
import { type AnswerDependencies, answer } from "../../answers/answer-request.ts";
import { parseAt } from "../../requests/field.ts";
import { withIds } from "./item.ts";
import { parseResponses } from "./request-schema.ts";
import { responsesAnswer, wholeResponse } from "./response-answer.ts";
import { responseId } from "./response-object.ts";
import { ResponseStore, type StoredResponse } from "./response-store.ts";

type OneResponse = { readonly Params: { readonly id: string } };

export function addResponsesRoutes(app: FastifyInstance, dependencies: AnswerDependencies): void {
  const store = new ResponseStore(dependencies.limits);
  app.post("/v1/responses", async (request, reply) => {
    const tenant = tenantOf(request.ip);
    const isTakenUp = (request.headers["last-event-id"] ?? "") !== "";
    const asked = parseResponses(request.body, store.keptFor(tenant, Date.now()), isTakenUp);
    const { settings, conversation } = asked;
    const onAnswered: Parameters<typeof answer>[0]["onAnswered"] = (head, answers) => {
      const id = responseId(head);
      const input = withIds(conversation, head.requestId);
      store.put({ id, tenant, storedAtMs: Date.now(), input, ...wholeResponse(head, settings, answers) });
    };
    const parts = {
      requests: [asked.request],
      isStream: asked.isStream,
      answer: responsesAnswer(settings),
      promptField: "input",
    } as const;
    await answer({ ...parts, ...(asked.isStored ? { onAnswered } : {}) }, dependencies, { request, reply });
    return reply;
  });
  addCounting(app, store, dependencies);
  addRefusals(app);
  app.get<OneResponse>("/v1/responses/:id", (request) => {
    checkQuery(responseQuery, request);
    return kept(store, request).response;
  });
  app.delete<OneResponse>("/v1/responses/:id", (request) => {
    const { id } = kept(store, request);
    store.delete(tenantOf(request.ip), id, Date.now());
    return { id, object: "response", deleted: true };
  });
  app.get<OneResponse>("/v1/responses/:id/input_items", (request) => {
    const query = checkQuery(listQuery, request);
    return pageOf(kept(store, request), query);
  });
  app.post<OneResponse>("/v1/responses/:id/cancel", (request) => {
    const { id } = kept(store, request);
    throw new PomonaError("invalid_request", `response ${id} was not made in the background: it has ended`);
  });
}

/** How many tokens the model would be given. */
function addCounting(app: FastifyInstance, store: ResponseStore, dependencies: AnswerDependencies): void {
  const { gateway, openAnswers } = dependencies;
  app.post(countPath, async ({ body, ip }, reply) => {
    const { model, input } = parseResponses(body, store.keptFor(tenantOf(ip), Date.now()), false).request;
    const prompt = await openAnswers.during(reply.raw, (signal) => gateway.tokenize(model, input, signal));
    return { object: "response.input_tokens", input_tokens: countOf(prompt) };
  });
}

/** What the API has beside, and this pool has not: said in so many words. */
function addRefusals(app: FastifyInstance): void {
  app.get("/v1/responses", ({ headers }, reply) => {
    const { upgrade } = headers;
    if (upgrade !== undefined) {
      const reason =
        "upgrade is not possible: there is no WebSocket here, POST with stream: true gives the same events";
      throw new PomonaError("invalid_request", reason, { field: "upgrade" });
    }
    reply.header("allow", "POST");
    throw new PomonaError("method_not_allowed", "/v1/responses takes POST, not GET");
  });
  app.post(compactPath, () => {
    throw new PomonaError(
      "invalid_request",
      "conversations are not compacted here: send the whole one, or a part of it",
    );
  });
}

const countPath = "/v1/responses/input_tokens";
const compactPath = "/v1/responses/compact";

/** What a path takes, or null when there is no such path. */
export function responsesMethods(path: string): string | null {
  if (path === "/v1/responses" || path === countPath || path === compactPath) return "POST";
  const [, rest] = /^\/v1\/responses\/resp_[^/]+(\/[a-z_]+)?$/.exec(path) ?? [path, null];
  if (rest === undefined) return "GET, HEAD, DELETE";
  if (rest === "/input_items") return "GET, HEAD";
  return rest === "/cancel" ? "POST" : null;
}

function kept(store: ResponseStore, { ip, params }: FastifyRequest<OneResponse>): StoredResponse {
  const stored = store.get(tenantOf(ip), params.id, Date.now());
  if (stored !== null) return stored;
  const shown = JSON.stringify(params.id.slice(0, 100));
  throw new PomonaError("not_found", `response ${shown} is not kept here, or is not yours`);
}

const notStreamed = "only what was made in the background could be streamed again";
const nothingIncluded = {
  include: z.undefined({ error: "is settled when the response is made: leave it out" }).optional(),
  "include[]": z.undefined({ error: "is settled when the response is made: leave it out" }).optional(),
};

const responseQuery = z.strictObject({
  stream: z.literal("false", { error: `must be false: ${notStreamed}` }).optional(),
  starting_after: z.undefined({ error: `must be left out: ${notStreamed}` }).optional(),
  // Of streams, and there is none.
  include_obfuscation: z.enum(["true", "false"], { error: "must be true or false" }).optional(),
  ...nothingIncluded,
});

const pageMax = 100;
const pageDefault = 20;
const pageSize = { error: `must be a whole number from 1 to ${pageMax}` };

const listQuery = z.strictObject({
  limit: z.coerce.number(pageSize).int(pageSize).min(1, pageSize).max(pageMax, pageSize).optional(),
  order: z.enum(["asc", "desc"], { error: "must be asc or desc" }).optional(),
  after: z.string().max(256).optional(),
  ...nothingIncluded,
});

/** @throws PomonaError `invalid_request` that names the parameter. */
function checkQuery<Schema extends z.ZodType>(schema: Schema, { query }: FastifyRequest<OneResponse>) {
  return parseAt(schema, query, []);
}

/** The newest first, unless asked otherwise. */
function pageOf({ input }: StoredResponse, { limit = pageDefault, order, after }: z.output<typeof listQuery>): object {
  const items = order === "asc" ? input : [...input].reverse();
  const before = after === undefined ? -1 : items.findIndex(({ id }) => id === after);
  if (after !== undefined && before < 0)
    throw new PomonaError("invalid_request", "after is none of the response's items", { field: "after" });
  const data = items.slice(before + 1, before + 1 + limit);
  return {
    object: "list",
    data,
    first_id: data.at(0)?.id ?? "",
    last_id: data.at(-1)?.id ?? "",
    has_more: before + 1 + limit < items.length,
  };
}
