// Carries one OpenAI request through the gateway: a whole answer, or a stream of events.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { Ending } from "@pomona/shared/core/generation";
import type { FastifyReply } from "fastify";
import type { GenerationEvent } from "../../core/generation-request.ts";
import type { Gateway, Generation } from "../../gateway.ts";
import { EventStream } from "../event-stream.ts";
import type { AnswerHead, AnswerShape } from "./answer.ts";
import { errorBody } from "./error-body.ts";
import type { ParsedRequest } from "./request-schema.ts";

/** Headers go out at binding, or after this time of waiting, whichever is first; then a comment this often. */
const waitingCommentMs = 5000;

export type AnswerContext = { readonly gateway: Gateway; readonly reply: FastifyReply; readonly shape: AnswerShape };

/** Answers a request. Aborts it as soon as the client has gone, wherever it is by then. */
export async function answer(parsed: ParsedRequest, context: AnswerContext): Promise<void> {
  const { gateway, reply } = context;
  const abort = new AbortController();
  const raw = reply.raw;
  raw.on("close", () => {
    if (!raw.writableFinished) abort.abort(new PomonaError("cancelled", "the client has gone"));
  });
  let generation: Generation;
  try {
    generation = await gateway.generate(parsed.request, abort.signal);
  } catch (thrown) {
    const error = toPomonaError(thrown);
    if (error.code !== "cancelled") gateway.countRefusal("openai", parsed.request.model, error);
    throw error;
  }
  const head = {
    requestId: generation.requestId,
    createdAtS: Math.floor(Date.now() / 1000),
    model: parsed.request.model,
  };
  if (parsed.isStream) await stream(generation, { ...context, parsed, head, signal: abort.signal });
  else await whole(generation, { ...context, head });
}

async function whole(
  generation: Generation,
  { reply, shape, head }: AnswerContext & { head: AnswerHead },
): Promise<void> {
  let text = "";
  let headers = boundHeaders(head.requestId, null);
  for await (const event of generation.events) {
    if (event.kind === "bound") headers = boundHeaders(head.requestId, event);
    if (event.kind === "text") text += event.text;
    if (event.kind !== "ending") continue;
    reply.headers(headers);
    const failure = failureOf(event.ending);
    if (failure !== null) throw failure;
    await reply.send(shape.whole(head, text, event.ending));
  }
}

type StreamContext = AnswerContext & {
  readonly parsed: ParsedRequest;
  readonly head: AnswerHead;
  readonly signal: AbortSignal;
};

async function stream(generation: Generation, context: StreamContext): Promise<void> {
  const { reply, head, signal } = context;
  reply.hijack();
  const events = new EventStream(reply.raw);
  const waiting = setInterval(() => {
    if (!events.isOpen) events.open(boundHeaders(head.requestId, null));
    events.comment("waiting");
  }, waitingCommentMs);
  try {
    for await (const event of generation.events) {
      if (event.kind === "text") waiting.refresh();
      send(event, events, context);
      await events.ready(signal);
    }
  } finally {
    clearInterval(waiting);
    if (!reply.raw.destroyed) events.end();
  }
}

function send(event: GenerationEvent, events: EventStream, { shape, head, parsed }: StreamContext): void {
  switch (event.kind) {
    case "bound":
      // A resumed request is bound again, long after the headers.
      if (events.isOpen) {
        events.comment(`pomona node=${event.nodeId} queue_ms=${Math.round(event.queueMs)}`);
        if (event.epoch > 1) return;
      } else events.open(boundHeaders(head.requestId, event));
      sendFirst(events, shape.first(head));
      return;
    case "progress":
      return;
    case "text":
      events.data(shape.delta(head, event.text));
      return;
    case "ending":
      sendEnding(event.ending, events, { shape, head, parsed });
  }
}

function sendFirst(events: EventStream, chunk: object | null): void {
  if (chunk !== null) events.data(chunk);
}

type EndingContext = Pick<StreamContext, "shape" | "head" | "parsed">;

function sendEnding(ending: Ending, events: EventStream, { shape, head, parsed }: EndingContext): void {
  if (!events.isOpen) events.open(boundHeaders(head.requestId, null));
  const failure = failureOf(ending);
  if (failure !== null) {
    events.data(errorBody(failure));
    return;
  }
  events.data(shape.last(head, ending));
  if (parsed.includeUsage) events.data(shape.usage(head, ending.usage));
  events.data("[DONE]");
}

function failureOf(ending: Ending): PomonaError | null {
  if (ending.reason === "cancelled") return new PomonaError("cancelled", "the request was cancelled");
  return ending.failure === null ? null : new PomonaError(ending.failure.code, ending.failure.message);
}

function boundHeaders(requestId: string, bound: (GenerationEvent & { kind: "bound" }) | null): Record<string, string> {
  const headers: Record<string, string> = { "x-request-id": requestId };
  if (bound === null) return headers;
  return { ...headers, "x-pomona-node": bound.nodeId, "x-pomona-queue-ms": String(Math.round(bound.queueMs)) };
}
