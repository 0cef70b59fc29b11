// The Cluster service as JSON (contract of the paths: docs/administration.md).
import { PomonaError } from "@pomona/shared/core/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { EventStart } from "../../event-log.ts";
import type { ClusterCalls } from "../../grpc/cluster-calls.ts";
import { EventStream } from "../answers/event-stream.ts";
import type { OpenAnswers } from "../answers/open-answers.ts";
import type { HttpLimits } from "../limits.ts";
import { invalid } from "../requests/field.ts";
import { inJsonWords, parseDeployment, parsePlan, parseSettings } from "./cluster-schema.ts";
import { entityTag, expectedRevision } from "./revision.ts";

export type ClusterRoutesDependencies = {
  readonly calls: ClusterCalls;
  readonly limits: HttpLimits;
  readonly openAnswers: OpenAnswers;
};

type Named = { Params: { "*": string } };
type Identified = { Params: { id: string } };

const prefix = "/cluster/v1";

/** What each path takes, for `allowedMethods`. */
export const clusterPaths: readonly (readonly [RegExp, string])[] = [
  [/^\/cluster\/v1\/(state|nodes|deployments)$/, "GET, HEAD"],
  [/^\/cluster\/v1\/requests\/[^/]+$/, "GET, HEAD"],
  [/^\/cluster\/v1\/deployments\/.+$/, "GET, HEAD, PUT, DELETE"],
  [/^\/cluster\/v1\/nodes\/[^/]+$/, "GET, HEAD, DELETE"],
  [/^\/cluster\/v1\/nodes\/[^/]+\/settings$/, "PUT"],
  [/^\/cluster\/v1\/plan$/, "POST"],
  [/^\/cluster\/v1\/events$/, "GET"],
];

export function addClusterRoutes(app: FastifyInstance, dependencies: ClusterRoutesDependencies): void {
  const { calls, openAnswers } = dependencies;
  app.get(`${prefix}/state`, () => calls.status());
  app.get<Identified>(`${prefix}/requests/:id`, ({ params }) => inWords(() => calls.explain(params.id)));
  app.post(`${prefix}/plan`, ({ body }, reply) =>
    inWords(() => openAnswers.during(reply.raw, (signal) => calls.plan(parsePlan(body), signal))),
  );
  app.get(`${prefix}/events`, { exposeHeadRoute: false }, async (request, reply) => {
    await sendEvents(dependencies, request, reply);
    return reply;
  });
  addNodeRoutes(app, calls);
  addDeploymentRoutes(app, calls);
}

function addNodeRoutes(app: FastifyInstance, calls: ClusterCalls): void {
  app.get(`${prefix}/nodes`, () => ({ nodes: calls.nodes() }));
  app.get<Identified>(`${prefix}/nodes/:id`, ({ params: { id } }) => {
    const found = calls.nodes().find(({ nodeId }) => nodeId === id);
    return found ?? notFound(`node ${id.slice(0, 100)}`);
  });
  app.delete<Identified>(`${prefix}/nodes/:id`, async ({ params }, reply) => {
    await calls.forgetNode(params.id);
    return reply.status(204).send();
  });
  app.put<Identified>(`${prefix}/nodes/:id/settings`, async ({ params, headers, body }, reply) => {
    const target = { name: params.id, expectedRevision: expectedRevision(headers) };
    const record = await inWords(() => calls.putNodeSettings(parseSettings(body, target)));
    return reply.header("etag", entityTag(Number(record.revision))).send(record);
  });
}

// Names may hold slashes, hence the wildcards.
function addDeploymentRoutes(app: FastifyInstance, calls: ClusterCalls): void {
  const path = `${prefix}/deployments`;
  app.get(path, () => ({ deployments: calls.deployments() }));
  app.get<Named>(`${path}/*`, ({ params }, reply) => {
    const name = params["*"];
    const found = calls.deployments().find(({ deployment }) => deployment?.model === name);
    if (found === undefined) return notFound(`deployment ${name.slice(0, 200)}`);
    return reply.header("etag", entityTag(Number(found.revision))).send(found);
  });
  app.put<Named>(`${path}/*`, async ({ params, headers, body }, reply) => {
    const target = { name: params["*"], expectedRevision: expectedRevision(headers) };
    const record = await inWords(() => calls.putDeployment(parseDeployment(body, target)));
    return reply.header("etag", entityTag(Number(record.revision))).send(record);
  });
  app.delete<Named>(`${path}/*`, async ({ params, headers }, reply) => {
    const revision = expectedRevision(headers);
    const expected =
      revision === null ? {} : ({ expectedRevision: revision, _expectedRevision: "expectedRevision" } as const);
    await inWords(() => calls.removeDeployment({ model: params["*"], ...expected }));
    return reply.status(204).send();
  });
}

/** Runs until the client leaves or the server stops. */
async function sendEvents(
  { calls, limits, openAnswers }: ClusterRoutesDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const start = startOf(request);
  const stream = new EventStream(limits, { reply, framing: "events" });
  await openAnswers.during(reply.raw, async (signal) => {
    stream.open({ "x-request-id": request.id });
    try {
      for await (const event of calls.events(start, signal)) {
        stream.frame({ data: event }, String(event.number));
        await stream.ready(signal);
      }
    } finally {
      stream.end();
    }
  });
}

/** A browser that connects again names the last event that it has; `recent` asks for some of the last ones. */
function startOf({ headers, query }: FastifyRequest): EventStart {
  const after = headers["last-event-id"];
  if (typeof after === "string" && /^\d{1,15}$/.test(after)) return { after: Number(after) };
  // Fastify's own parser gives an object of strings and lists of them.
  const { recent = "0" } = query as Record<string, unknown>;
  if (typeof recent !== "string" || !/^\d{1,6}$/.test(recent)) throw invalid(["recent"], "must be a whole number");
  return { recent: Number(recent) };
}

function notFound(what: string): never {
  throw new PomonaError("not_found", `no ${what} is known`);
}

async function inWords<Value>(call: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await call();
  } catch (thrown) {
    throw inJsonWords(thrown);
  }
}
