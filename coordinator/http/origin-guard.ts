// Keeps web pages out: a page in a user's browser must reach the pool neither by DNS rebinding nor across origins.

import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { PomonaError } from "@pomona/shared/core/errors";
import { isLoopback } from "@pomona/shared/runtime/bind-address";

/** @throws PomonaError `forbidden_origin` with what was wrong. */
export function checkOrigin(headers: IncomingHttpHeaders, boundHost: string): void {
  const authority = (headers.host ?? "").toLowerCase();
  const host = hostName(authority);
  if (!isAllowedHost(host, boundHost)) {
    throw new PomonaError(
      "forbidden_origin",
      `the Host header names ${JSON.stringify(host.slice(0, 100))}, which is not this pool`,
    );
  }
  if (headers["sec-fetch-site"] === "cross-site") {
    throw new PomonaError("forbidden_origin", "requests of other web sites are refused");
  }
  if (headers.origin !== undefined && !isAllowedOrigin(headers.origin, authority)) {
    throw new PomonaError(
      "forbidden_origin",
      `the origin ${JSON.stringify(headers.origin.slice(0, 100))} is not allowed`,
    );
  }
}

function isAllowedHost(host: string, boundHost: string): boolean {
  if (isLoopback(host) || host === boundHost.toLowerCase()) return true;
  if (isLoopback(boundHost)) return false;
  // A page cannot make the browser send an address, this machine's name or a .local name for a host of its own.
  const name = hostname().toLowerCase();
  return isIP(host) !== 0 || host === name || host === name.split(".")[0] || /^[a-z0-9-]+\.local$/.test(host);
}

/** The name alone, without port, brackets and the dot of a fully qualified name. */
function hostName(authority: string): string {
  return authority
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}

/** What programs made with Tauri, Jan among them, say of themselves; no browser gives this origin to a page. */
const appOrigin = "tauri://localhost";

/** Whether a page of this very server sent it, or a program; another port of the same host is another origin. */
function isAllowedOrigin(origin: string, authority: string): boolean {
  if (origin === appOrigin) return true;
  // The URL parser drops the default port from both.
  return URL.canParse(origin) && URL.canParse(`http://${authority}`)
    ? new URL(origin).origin === new URL(`http://${authority}`).origin
    : false;
}
