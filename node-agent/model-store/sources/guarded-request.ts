// GET requests to sources of models. An administrator names a source, but what it answers is foreign: no redirect leads
// into the own network, no token leaves its origin, nothing may hang, and every answer says how long it is.
import { lookup as systemLookup } from "node:dns";
import { get as getPlain, type IncomingMessage, type RequestOptions } from "node:http";
import { get as getSecure } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { PomonaError } from "@pomona/shared/core/errors";
import { version } from "@pomona/shared/core/version";
import { isPublicAddress } from "./public-address.ts";
import { SourceRefusal } from "./source-refusal.ts";

const redirectsMax = 5;

export type SourcePolicy = {
  /** Sources may be in private networks and without encryption. */
  readonly allowsPrivate: boolean;
  /** The hub's, which an administrator has set: it may be private, and alone gets the token. */
  readonly hubOrigin: string;
  readonly token: string | null;
  /** Without a byte for so long a source has failed. */
  readonly stallMs: number;
};

export type SourceRequest = {
  readonly url: URL;
  /** First and last byte; `last` null is the end. Null asks for all. */
  readonly range: { readonly first: number; readonly last: number | null } | null;
  readonly signal: AbortSignal;
};

export type SourceResponse = {
  /** 200, 206 or 416. */
  readonly status: number;
  readonly body: IncomingMessage;
  readonly length: number;
  /** Where in the file the body begins. */
  readonly first: number;
  /** Of the whole file; null when the answer does not tell. */
  readonly totalBytes: number | null;
};

/**
 * The answer's beginning; read its body with `readBody`.
 * @throws SourceRefusal for what will not change; PomonaError `transfer_failed` for what may.
 */
export async function requestSource(request: SourceRequest, policy: SourcePolicy): Promise<SourceResponse> {
  let { url } = request;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    checkUrl(url, policy);
    const body = await send({ ...request, url }, policy);
    const { statusCode = 0, headers } = body;
    if (statusCode < 300 || statusCode >= 400 || statusCode === 304) return checkAnswer(url, body);
    body.destroy();
    const { location = "" } = headers;
    if (location === "" || !URL.canParse(location, url.href))
      throw new SourceRefusal("transfer_failed", `${url.origin} redirects to nowhere: take another source`);
    url = new URL(location, url);
  }
  throw new SourceRefusal(
    "transfer_failed",
    `${request.url.origin} redirects more than ${redirectsMax} times: take another source`,
  );
}

function checkUrl({ protocol, origin, hostname, username }: URL, policy: SourcePolicy): void {
  const isTrusted = policy.allowsPrivate || origin === policy.hubOrigin;
  if (username !== "")
    throw new SourceRefusal("invalid_request", `a source must not hold a password: take it out of ${origin}`);
  if (protocol !== "https:" && !(protocol === "http:" && isTrusted))
    throw new SourceRefusal("transfer_failed", `${origin} is not encrypted: only https: sources are taken`);
  const address = hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) !== 0 && !isTrusted && !isPublicAddress(address)) throw privateAddress(hostname, address);
}

function privateAddress(hostname: string, address: string): SourceRefusal {
  const fix = "copy the file to a path on the nodes, or set allowsPrivateSources on the node when this source is meant";
  return new SourceRefusal("transfer_failed", `${hostname} is ${address}, which is not on the Internet: ${fix}`);
}

/** Checks what a name stands for and connects to that and nothing else: a second look-up could say something else. */
function guardedLookup(origin: string, policy: SourcePolicy): LookupFunction {
  const isTrusted = policy.allowsPrivate || origin === policy.hubOrigin;
  return (hostname, options, callback) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const wrong = isTrusted ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
      if (wrong !== undefined) return callback(privateAddress(hostname, wrong.address), []);
      const [first] = addresses;
      if (options.all === true || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function send({ url, range, signal }: SourceRequest, policy: SourcePolicy): Promise<IncomingMessage> {
  const options: RequestOptions = {
    // A connection of its own: one that is kept was looked up for somebody else.
    agent: false,
    lookup: guardedLookup(url.origin, policy),
    signal,
    headers: {
      "user-agent": `pomona/${version}`,
      "accept-encoding": "identity",
      ...(range === null ? {} : { range: `bytes=${range.first}-${range.last ?? ""}` }),
      ...(policy.token !== null && url.origin === policy.hubOrigin ? { authorization: `Bearer ${policy.token}` } : {}),
    },
  };
  return new Promise((resolve, reject) => {
    const get = url.protocol === "https:" ? getSecure : getPlain;
    const request = get(url, options, (answer) => {
      // Whoever reads the body watches it; the request's own time would end it as a reset.
      request.setTimeout(0);
      resolve(answer);
    });
    request.setTimeout(policy.stallMs, () => request.destroy(stalled(url, policy)));
    request.on("error", (error) => reject(asSourceError(error, url, signal)));
  });
}

/** Bytes of the body as they come. @throws PomonaError `transfer_failed` when it stalls, trickles or breaks off. */
export async function* readBody(
  { body, length }: SourceResponse,
  { url, signal }: Pick<SourceRequest, "url" | "signal">,
  policy: SourcePolicy,
): AsyncGenerator<Buffer> {
  let came = 0;
  let waited = { ms: 0, bytes: 0 };
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const startedAtMs = performance.now();
      const timer = setTimeout(() => body.destroy(stalled(url, policy)), policy.stallMs);
      const piece = await pieces.next().finally(() => clearTimeout(timer));
      if (piece.done === true) break;
      // Without an encoding a body's pieces are buffers.
      const bytes = piece.value as Buffer;
      came += bytes.length;
      // Time in which whoever reads does something else is not the source's.
      waited = { ms: waited.ms + performance.now() - startedAtMs, bytes: waited.bytes + bytes.length };
      if (waited.ms >= policy.stallMs) {
        if (waited.bytes < trickleBytes) throw stalled(url, policy);
        waited = { ms: 0, bytes: 0 };
      }
      yield bytes;
    }
  } catch (error) {
    throw asSourceError(error, url, signal);
  } finally {
    body.destroy();
  }
  if (came !== length)
    throw new PomonaError("transfer_failed", `${url.origin} broke off after ${came} of ${length} bytes`);
}

/** Less than this in the time of a stall is one. */
const trickleBytes = 16 * 1024;

function checkAnswer(url: URL, body: IncomingMessage): SourceResponse {
  const { statusCode = 0, headers } = body;
  if (statusCode !== 200 && statusCode !== 206 && statusCode !== 416) {
    body.destroy();
    throw refusedAnswer(url, statusCode);
  }
  const [, first = "0", total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers["content-range"] ?? "") ?? [];
  const length = Number(headers["content-length"] ?? Number.NaN);
  if (statusCode !== 416 && !Number.isSafeInteger(length)) {
    body.destroy();
    throw new SourceRefusal(
      "transfer_failed",
      `${url.origin} does not say how long the file is: take a source that does`,
    );
  }
  const totalBytes = total === undefined ? (statusCode === 200 ? length : null) : Number(total);
  return { status: statusCode, body, length: statusCode === 416 ? 0 : length, first: Number(first), totalBytes };
}

function refusedAnswer(url: URL, status: number): PomonaError {
  const where = `${url.origin}${url.pathname}`;
  if (status === 404) return new SourceRefusal("not_found", `there is no ${where}: look at the name and the revision`);
  if (status === 401 || status === 403) {
    const fix = "set HF_TOKEN on the node to a token that may read it, and accept the model's terms on its page";
    return new SourceRefusal(
      "failed_precondition",
      `${where} is private, gated or does not exist (HTTP ${status}): ${fix}`,
    );
  }
  const message = `${where} answers with HTTP ${status}`;
  if (status === 429 || status >= 500) return new PomonaError("transfer_failed", `${message}: it is asked again`);
  return new SourceRefusal("transfer_failed", `${message}: take another source`);
}

function stalled(url: URL, { stallMs }: SourcePolicy): PomonaError {
  return new PomonaError(
    "transfer_failed",
    `${url.origin} stalls: almost nothing came for ${stallMs / 1000} s; try again later`,
  );
}

function asSourceError(error: unknown, url: URL, signal: AbortSignal): PomonaError {
  if (signal.aborted) return new PomonaError("cancelled", `asking ${url.origin} was cancelled`);
  if (error instanceof PomonaError) return error;
  const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return new PomonaError("transfer_failed", `${url.origin} cannot be read: the system says ${reason}`, {
    cause: error,
  });
}
