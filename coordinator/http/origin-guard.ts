// Keeps web pages out: a page in a user's browser must reach the pool neither by DNS rebinding nor across origins.

import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { PomonaError } from "@pomona/shared/core/errors";
import { isLoopback } from "@pomona/shared/runtime/bind-address";

/** @throws PomonaError `forbidden_origin` with what was wrong. */
export function checkOrigin(headers: IncomingHttpHeaders, boundHost: string): void {
  const host = hostName(headers.host ?? "");
  if (!isAllowedHost(host, boundHost)) {
    throw new PomonaError(
      "forbidden_origin",
      `the Host header names ${JSON.stringify(host.slice(0, 100))}, which is not this pool`,
    );
  }
  if (headers["sec-fetch-site"] === "cross-site") {
    throw new PomonaError("forbidden_origin", "requests of other web sites are refused");
  }
  if (headers.origin !== undefined && originHost(headers.origin) !== host) {
    throw new PomonaError(
      "forbidden_origin",
      `the origin ${JSON.stringify(headers.origin.slice(0, 100))} is not allowed`,
    );
  }
}

function isAllowedHost(host: string, boundHost: string): boolean {
  if (isLoopback(host) || host === boundHost) return true;
  if (isLoopback(boundHost)) return false;
  // A page cannot make the browser send an address, this machine's name or a .local name for a host of its own.
  const name = hostname().toLowerCase();
  return isIP(host) !== 0 || host === name || host === name.split(".")[0] || host.endsWith(".local");
}

function hostName(header: string): string {
  return header
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1");
}

function originHost(origin: string): string | null {
  try {
    return hostName(new URL(origin).host);
  } catch {
    return null;
  }
}
