// The HTTP side over a real socket, in front of a pool that does what each test says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { TestContext } from "node:test";
import { FakeGateway, type FakeModel, saying } from "@pomona/coordinator/http/fake-gateway";
import type { HttpLimits } from "@pomona/coordinator/http/limits";
import { startHttpServer } from "@pomona/coordinator/http/server";
import { createSilentLogger, type Logger } from "@pomona/shared/runtime/logger";
import type { OpenFiles } from "@pomona/shared/runtime/open-files";
import OpenAI from "openai";
import { type FakeCluster, fakeCluster } from "./fake-cluster.ts";

export type Served = {
  readonly url: string;
  readonly port: number;
  readonly gateway: FakeGateway;
  readonly cluster: FakeCluster;
  refuse(): void;
  close(): Promise<void>;
};
export type ServeOptions = {
  readonly models?: Readonly<Record<string, FakeModel>>;
  readonly limits?: Partial<HttpLimits>;
  readonly log?: Logger;
  readonly files?: OpenFiles;
};

export async function serve(t: TestContext, { models, limits, log, files }: ServeOptions = {}): Promise<Served> {
  const gateway = new FakeGateway(
    models ?? { "org/tiny:q4": saying("Hel", "lo ", "🍎"), tiny: saying("Hel", "lo ", "🍎") },
  );
  const cluster = fakeCluster(gateway);
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    gateway,
    calls: cluster.calls,
    log: log ?? createSilentLogger(),
    limits: { closeGraceMs: 100, ...limits },
    ...(files === undefined ? {} : { files }),
  });
  t.after(async () => {
    await server.close();
    cluster.close();
  });
  const { port, refuse } = server;
  return { url: `http://127.0.0.1:${port}`, port, gateway, cluster, refuse, close: () => server.close() };
}

export const chatPath = "/v1/chat/completions";
export const hello = { model: "tiny", messages: [{ role: "user" as const, content: "hi" }] };

export function sdk({ url }: Served): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: answerTimeoutMs });
}

/** An answer that never ends is a failure and no hang. */
export const answerTimeoutMs = 10_000;

export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(answerTimeoutMs),
    ...init,
  });
}

/** The JSON of an answer that has to be a 200; its shape is what is asserted next. */
export async function postedJson<Body>(url: string, body: unknown): Promise<Body> {
  const response = await post(url, body);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Body;
}

export type ErrorAnswer = {
  readonly error: { message: string; type: string; param: string | null; code: string | null };
};

export async function errorOf(response: Response): Promise<ErrorAnswer["error"]> {
  // The shape is what is asserted next.
  const { error } = (await response.json()) as ErrorAnswer;
  assert.equal(typeof error.message, "string");
  assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"]);
  assert.match(response.headers.get("x-request-id") ?? "", /^[0-9a-f]{32}$/);
  return error;
}

/** A request whose answer has begun; fetch cannot set the Host header. */
export async function ask(
  port: number,
  { path, headers, body }: { path: string; headers: Record<string, string>; body?: string },
): Promise<IncomingMessage> {
  const method = body === undefined ? "GET" : "POST";
  const request = httpRequest({ host: "127.0.0.1", port, path, method, headers }).end(body);
  request.on("error", () => undefined);
  const [response] = await once(request, "response");
  return response;
}
