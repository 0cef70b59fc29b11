// Carries one OpenAI request through the gateway: a whole answer, or a stream of events.
import { type LoadingOutlook, PomonaError, type QueueOutlook, toPomonaError } from "@pomona/shared/core/errors";
import { type Ending, errorOf, type PromptInput } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import { parseIdempotencyKey, parsePriority, tenantOf } from "../../caller.ts";
import type { GenerationEvent } from "../../core/generation-request.ts";
import type { Gateway, Generation } from "../../gateway.ts";
import { EventStream } from "../event-stream.ts";
import { publicError } from "../http-error.ts";
import type { HttpLimits } from "../limits.ts";
import type { OpenAnswers } from "../open-answers.ts";
import type { AnswerHead, AnswerShape } from "./answer.ts";
import { errorBody } from "./error-body.ts";
import type { ParsedRequest } from "./request-schema.ts";

export type AnswerDependencies = {
  readonly gateway: Gateway;
  readonly log: Logger;
  readonly limits: HttpLimits;
  readonly openAnswers: OpenAnswers;
};

/** Where the answer goes, and in which API's words. */
export type AnswerTarget = {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly shape: AnswerShape;
};

type AnswerContext = AnswerDependencies &
  AnswerTarget & { readonly parsed: ParsedRequest; readonly signal: AbortSignal };

/**
 * Answers a request. Aborts it as soon as the client has gone, wherever it is by then.
 * @throws PomonaError what became of it, as long as no header is out; after that it is the stream's last event.
 */
export async function answer(
  parsed: ParsedRequest,
  dependencies: AnswerDependencies,
  target: AnswerTarget,
): Promise<void> {
  const { signal, release } = dependencies.openAnswers.start(target.reply.raw);
  const context = { ...dependencies, ...target, parsed, signal };
  try {
    await (parsed.isStream ? answerInEvents(context) : answerAtOnce(context));
  } finally {
    release();
  }
}

async function start(
  { gateway, request, parsed, signal }: AnswerContext,
  onLoading: (outlook: LoadingOutlook) => void = () => undefined,
): Promise<Generation> {
  try {
    const seen = parsed.isStream ? lastEventOf(request) : null;
    if (seen !== null) return gateway.attach(seen.requestId, seen.index + 1, signal);
    const tenant = tenantOf(request.ip);
    const priority = parsePriority(headerOf(request, priorityHeader), priorityHeader);
    const input = withSharing(parsed.request.input, headerOf(request, sharedSystemHeader));
    const idempotencyKey = parseIdempotencyKey(headerOf(request, idempotencyHeader), idempotencyHeader);
    const caller = { tenant, priority, signal, onLoading, idempotencyKey };
    return await gateway.generate({ ...parsed.request, input }, caller);
  } catch (thrown) {
    const error = toPomonaError(thrown);
    if (error.code !== "cancelled") gateway.countRefusal("openai", parsed.request.model, error);
    throw thrown;
  }
}

/** How soon the answer is wanted. */
const priorityHeader = "x-pomona-priority";

/** Sent again with the same key, a request attaches to the one that runs. */
const idempotencyHeader = "idempotency-key";

/** The id of the last event that a client has got: the answer goes on after it. Without an index it comes from its beginning. */
const lastEventHeader = "last-event-id";

type SeenEvent = { readonly requestId: RequestId; readonly index: number };

/** @throws PomonaError `invalid_request` for what is no id of an event. */
function lastEventOf(request: FastifyRequest): SeenEvent | null {
  const text = headerOf(request, lastEventHeader);
  if (text === undefined || text === "") return null;
  const [, requestId, index = -1] = /^([0-9a-f]{32})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (requestId === undefined)
    throw new PomonaError("invalid_request", `${lastEventHeader} is not the id of an event of this pool`, {
      field: lastEventHeader,
    });
  return { requestId, index: Number(index) };
}

function eventIdOf({ requestId, index }: SeenEvent): string {
  return `${requestId}-${index}`;
}

/** `true` says that the system's messages are no secret: what they leave in slots serves other tenants too. */
const sharedSystemHeader = "x-pomona-shared-system-prompt";

function withSharing(input: PromptInput, declared: string | undefined): PromptInput {
  if (declared === undefined || declared === "false") return input;
  if (declared !== "true")
    throw new PomonaError("invalid_request", `${sharedSystemHeader} must be true or false`, {
      field: sharedSystemHeader,
    });
  return input.kind === "chat" ? { ...input, isSystemShared: true } : input;
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

async function answerAtOnce(context: AnswerContext): Promise<void> {
  const { reply, shape, parsed } = context;
  const generation = await start(context);
  reply.header("x-request-id", generation.requestId);
  const texts: string[] = [];
  let ending: Ending | null = null;
  for await (const event of generation.events) {
    if (event.kind === "bound") reply.headers(boundHeaders(generation.requestId, event));
    if (event.kind === "text") texts.push(event.text);
    if (event.kind === "ending") ending = event.ending;
  }
  const done = succeeded(ending, context.signal);
  await reply.send(shape.whole(headOf(generation.requestId, parsed), texts.join(""), done));
}

async function answerInEvents(context: AnswerContext): Promise<void> {
  const { reply, limits, log } = context;
  const events = new EventStream(limits, { reply });
  const ids = { requestId: reply.request.id };
  const openLate = setTimeout(() => {
    if (!events.isOpen) events.open(boundHeaders(ids.requestId, null));
  }, limits.headersAfterMs);
  try {
    const generation = await start(context, (outlook) => {
      if (events.isOpen) events.comment(loadingComment(outlook));
    });
    if (events.isOpen) events.comment(`pomona request=${generation.requestId}`);
    ids.requestId = generation.requestId;
    await writeEvents(generation, events, context);
  } catch (thrown) {
    // The error handler can still answer with a status of its own.
    if (!events.isOpen) throw thrown;
    events.data(errorBody(publicError(thrown, { log, requestId: ids.requestId })));
  } finally {
    clearTimeout(openLate);
    if (events.isOpen) events.end();
  }
}

async function writeEvents(generation: Generation, events: EventStream, context: AnswerContext): Promise<void> {
  const { shape, parsed, signal } = context;
  const head = headOf(generation.requestId, parsed);
  // Whoever comes back for the rest has its beginning.
  let isBegun = (lastEventOf(context.request)?.index ?? -1) >= 0;
  let ending: Ending | null = null;
  for await (const event of generation.events) {
    // Before that it is not known yet whether the answer is one with another status.
    if (event.kind === "waiting" && events.isOpen) events.comment(waitingComment(event));
    if (event.kind === "bound") {
      writeBound(event, events, generation.requestId);
      const first = isBegun ? null : shape.first(head);
      if (first !== null) events.data(first);
      isBegun = true;
    }
    if (event.kind === "text") {
      const id = eventIdOf({ requestId: generation.requestId, index: event.lastIndex });
      events.event(id, shape.delta(head, event.text));
    }
    if (event.kind === "ending") ending = event.ending;
    await events.ready(signal);
  }
  const done = succeeded(ending, signal);
  // A generation that succeeds was bound; if it ever were not, its end still needs headers.
  if (!events.isOpen) events.open(boundHeaders(generation.requestId, null));
  events.data(shape.last(head, done));
  if (head.includeUsage) events.data(shape.usage(head, done.usage));
  events.data("[DONE]");
}

/** A proxy or a client that sees nothing for long gives up: this says that, and how long, it still takes. */
function waitingComment({ position, length, expectedWaitMs }: QueueOutlook): string {
  return `pomona waiting position=${position} length=${length} eta_ms=${Math.round(expectedWaitMs)}`;
}

function loadingComment({ state, percent, readyInMs }: LoadingOutlook): string {
  const eta = readyInMs === null ? "unknown" : Math.round(readyInMs);
  return `pomona loading state=${state} percent=${percent} eta_ms=${eta}`;
}

type BoundEvent = Extract<GenerationEvent, { kind: "bound" }>;

/** In the headers while they are not out; a request that waited long, or was moved, says it in a comment. */
function writeBound(bound: BoundEvent, events: EventStream, requestId: RequestId): void {
  if (!events.isOpen) events.open(boundHeaders(requestId, bound));
  else events.comment(boundComment(bound));
}

function boundComment({ nodeId, queueMs, isExact }: BoundEvent): string {
  return `pomona node=${nodeId} queue_ms=${Math.round(queueMs)}${isExact ? "" : " exact=false"}`;
}

function headOf(requestId: RequestId, { request, includeUsage }: ParsedRequest): AnswerHead {
  return { requestId, createdAtS: Math.floor(Date.now() / 1000), model: request.model, includeUsage };
}

function boundHeaders(requestId: RequestId, bound: BoundEvent | null): Record<string, string> {
  const headers: Record<string, string> = { "x-request-id": requestId };
  if (bound === null) return headers;
  return { ...headers, "x-pomona-node": bound.nodeId, "x-pomona-queue-ms": String(Math.round(bound.queueMs)) };
}

/** The ending of an answer that is one. @throws PomonaError why it is none. */
function succeeded(ending: Ending | null, signal: AbortSignal): Ending {
  if (ending !== null && (ending.reason === "stop" || ending.reason === "length")) return ending;
  // An aborted reader gets no ending; the reason says who ended it.
  if (signal.aborted) throw toPomonaError(signal.reason);
  if (ending === null) throw new PomonaError("internal", "the events of a request ended without an ending");
  if (ending.failure !== null) throw errorOf(ending.failure);
  if (ending.reason === "expired") throw new PomonaError("deadline_exceeded", "the deadline of the request passed");
  if (ending.reason === "cancelled") throw new PomonaError("cancelled", "the request was cancelled");
  throw new PomonaError("internal", "a request failed without saying why");
}
