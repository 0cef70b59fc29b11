// The one kind of body that this server reads: JSON in UTF-8. What says to be anything else is 415, so that no form of a web page
// gets in.
import { isUtf8 } from "node:buffer";
import { PomonaError } from "@pomona/shared/core/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { tenantOf } from "../../caller.ts";
import { LoopTurns } from "../../loop-turns.ts";
import { apiOf } from "../api-of.ts";
import { BodyReader, type BodyReaderLimits } from "./body-reader.ts";
import { findJsonError, lineAndColumn } from "./json-position.ts";

/** Below this a body is parsed and checked within a fraction of a millisecond, and waits for no turn. */
const largeBytes = 16 * 1024;

/** Replaces fastify's parsers, one of which takes plain text. */
export function readJsonBodies(app: FastifyInstance, limits: BodyReaderLimits): void {
  // Refuses keys that would reach a prototype.
  const parse = app.getDefaultJsonParser("error", "error");
  const reader = new BodyReader(limits);
  const turns = new LoopTurns();
  app.removeAllContentTypeParsers();
  app.addHook("onRequest", async (request) => {
    if (apiOf(request) === "ollama" && isUnnamed(request)) request.headers["content-type"] = json;
  });
  app.addContentTypeParser(json, async (request: FastifyRequest, payload: FastifyRequest["raw"]) => {
    const tenant = tenantOf(request.ip);
    return await reader.read(payload, tenant, async (body) => {
      if (body.length >= largeBytes) await turns.next(tenant);
      if (request.raw.socket.destroyed) throw new PomonaError("cancelled", "the client has gone");
      return await new Promise((resolve, reject) => {
        const text = textOf(body);
        // Clients name a type with every request, one that has no body included.
        if (body.length === 0 && request.method === "DELETE") return resolve(null);
        void parse(request, text, (error, value) => (error === null ? resolve(value) : reject(explain(text))));
      });
    });
  });
}

const json = "application/json";
/**
 * Ollama asks for no type: its documents' examples leave it at what curl says of everything that it sends, and Python's requests
 * say nothing of a text. A web page cannot hide behind that: it names its origin, and what its forms make of fields is no JSON.
 */
function isUnnamed({ headers }: FastifyRequest): boolean {
  const type = headers["content-type"];
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return type === undefined ? hasBody : /^application\/x-www-form-urlencoded\b/i.test(type);
}

export function notJson(): PomonaError {
  return new PomonaError("unsupported_media_type", `send the body as content-type ${json}`);
}

function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw new PomonaError("invalid_request", "the body is not valid UTF-8");
  return body.toString("utf8").replace(/^\ufeff/, "");
}

function explain(text: string): PomonaError {
  const index = findJsonError(text);
  if (text.trim() === "") return new PomonaError("invalid_request", "the body is empty: send a JSON object");
  if (index === null) {
    return new PomonaError(
      "invalid_request",
      "the body has a key named __proto__ or constructor.prototype: leave it out",
    );
  }
  const what = index === text.length ? "it ends too early, at" : "it breaks at";
  return new PomonaError(
    "invalid_request",
    `the body is not valid JSON: ${what} position ${index} (${lineAndColumn(text, index)})`,
  );
}
