// What the first lines of a request may be: one host, and a path that is written in one way (RFC 9112, 3.2; RFC 3986, 6.2.2).
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { PomonaError } from "@pomona/shared/core/errors";
import { refuseTunnel } from "./http-error.ts";

/** What Node would answer by itself, without a word, goes the way of all requests. */
export function takeEveryHead(server: Server): void {
  // Headers beyond its default of 1,000 would be left out in silence, an Origin among them. 16 KiB of them are the limit.
  server.maxHeadersCount = 0;
  // An expectation that nobody knows changes nothing (RFC 9110, 10.1.1).
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  server.on("connect", (_request, socket: Socket) => refuseTunnel(socket));
}

/**
 * The path of a request. That of a proxy's, `http://host/path`, names the host in place of the header; and letters that are
 * written as `%61` are letters, so that whose API a path is depends on no spelling.
 */
export function pathOf(request: Pick<IncomingMessage, "url" | "headers">): string {
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(request.url ?? "/") ?? [];
  if (authority !== undefined) request.headers.host = authority;
  // An asterisk is no path either: the router would take it for the root.
  const target = (rest ?? request.url ?? "").replace(/^(?!\/)/, "/");
  const [path = "/"] = target.split("?", 1);
  const plain = path.replace(/%([0-9a-f]{2})/gi, (written, code: string) => {
    const character = String.fromCharCode(Number.parseInt(code, 16));
    return /[\w.~-]/.test(character) ? character : written;
  });
  return plain + target.slice(path.length);
}

/** @throws PomonaError `invalid_request` for a request that names several hosts, or none where it has to name one. */
export function checkHostHeader({
  rawHeaders,
  httpVersion,
}: Pick<IncomingMessage, "rawHeaders" | "httpVersion">): void {
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length;
  if (count > 1) throw new PomonaError("invalid_request", "the request has several Host headers: send one");
  if (count === 0 && httpVersion !== "1.0" && httpVersion !== "0.9")
    throw new PomonaError("invalid_request", "the request has no Host header");
}
