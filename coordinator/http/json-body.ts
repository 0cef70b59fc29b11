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
  app.addContentTypeParser<Buffer>([json, form], { parseAs: "buffer" }, (request, body, done) => {
    if (isForm(request) && apiOf(request) !== "ollama") return done(notJson(), undefined);
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
 * What curl says of everything that it sends, and the examples of Ollama's documents leave it at that. What a form of a web page
 * makes of its fields is no JSON.
 */
const form = "application/x-www-form-urlencoded";

function isForm({ headers }: FastifyRequest): boolean {
  return (headers["content-type"] ?? "").toLowerCase().startsWith(form);
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
