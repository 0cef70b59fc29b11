// The one kind of body that this server reads: JSON in UTF-8. What says to be anything else is 415, so that no form of a web page
// gets in.
import { isUtf8 } from "node:buffer";
import { PomonaError } from "@pomona/shared/core/errors";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { apiOf } from "./api-of.ts";
import { tooDeepField, tooDeepReason } from "./json-depth.ts";
import { findJsonError, lineAndColumn } from "./json-position.ts";

/** Replaces fastify's parsers, one of which takes plain text. */
export function readJsonBodies(app: FastifyInstance): void {
  // Refuses keys that would reach a prototype.
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addHook("onRequest", async (request) => {
    if (apiOf(request) === "ollama" && isUnnamed(request)) request.headers["content-type"] = json;
  });
  app.addContentTypeParser<Buffer>(json, { parseAs: "buffer" }, (request, body, done) => {
    if (!isUtf8(body)) return done(new PomonaError("invalid_request", "the body is not valid UTF-8"), undefined);
    // Clients name a type with every request, one that has no body included.
    if (body.length === 0 && request.method === "DELETE") return done(null, undefined);
    const text = body.toString("utf8").replace(/^\ufeff/, "");
    void parse(request, text, (error, value) => {
      if (error !== null) return done(explain(text), undefined);
      const field = tooDeepField(value);
      done(field === null ? null : tooDeep(field), value);
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

function tooDeep(field: string): PomonaError {
  return field === ""
    ? new PomonaError("invalid_request", `the body ${tooDeepReason()}`)
    : new PomonaError("invalid_request", `${field.slice(0, 100)} ${tooDeepReason()}`, { field: field.slice(0, 100) });
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
