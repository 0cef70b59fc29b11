// Carries a request of any API through the gateway: a whole answer, or one on its way.
import { setMaxListeners } from "node:events";
import { Readable } from "node:stream";
import { type LoadingOutlook, PomonaError, type QueueOutlook, toPomonaError } from "@pomona/shared/core/errors";
import { errorOf } from "@pomona/shared/core/generation";
import type { RequestId } from "@pomona/shared/core/ids";
import { promptRows, splitPrompt } from "@pomona/shared/core/prompt-logprobs";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AnswerEnding, Caller, GenerationRequest } from "../../core/generation-request.ts";
import type { Gateway, Generation } from "../../gateway.ts";
import { publicError } from "../http-error.ts";
import type { HttpLimits } from "../limits.ts";
import {
  AnswerCollector,
  type AnswerHead,
  type AnswerStream,
  type ApiAnswer,
  type BoundEvent,
  type CollectedAnswer,
  type Frame,
} from "./api-answer.ts";
import {
  beginId,
  endId,
  frameId,
  lastEventHeader,
  nothingSeen,
  promptId,
  type SeenEvent,
  seenFrames,
} from "./event-ids.ts";
import { EventStream, type Framing, farewellComment, linesAsEventsHeader } from "./event-stream.ts";
import type { OpenAnswers } from "./open-answers.ts";
import { headerOf, idempotencyKeyOf, requestCaller, seenOf, withSharing } from "./request-headers.ts";

/** A request as an API's adapter understood it. */
export type ApiRequest = {
  /** One for each choice of the answer; of the same model. */
  readonly requests: readonly [GenerationRequest, ...GenerationRequest[]];
  readonly isStream: boolean;
  readonly answer: ApiAnswer;
  /** What the API calls the prompt, for errors that name it; `prompt` where it is absent. */
  readonly promptField?: string;
  /** Told the whole answer once it is there, on its way or not. */
  readonly onAnswered?: (head: AnswerHead, answers: readonly CollectedAnswer[]) => void;
};

export type AnswerDependencies = {
  readonly gateway: Gateway;
  readonly log: Logger;
  readonly limits: HttpLimits;
  readonly openAnswers: OpenAnswers;
};

/** Where the answer goes. */
export type AnswerTarget = {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
};

type AnswerContext = AnswerDependencies &
  AnswerTarget & {
    readonly asked: ApiRequest;
    readonly signal: AbortSignal;
    /** Ends all choices: one has failed. */
    readonly stop: (error: unknown) => void;
  };

/**
 * Answers a request. Aborts it as soon as the client has gone, wherever it is by then.
 * @throws PomonaError what became of it, as long as no header is out; after that it is the last that is sent.
 */
export async function answer(asked: ApiRequest, dependencies: AnswerDependencies, target: AnswerTarget): Promise<void> {
  const stopped = new AbortController();
  const stop = (error: unknown): void => stopped.abort(error);
  await dependencies.openAnswers.during(target.reply.raw, async (gone) => {
    const signal = AbortSignal.any([gone, stopped.signal]);
    // Each choice listens to it; more than ten at one signal are said to leak.
    setMaxListeners(0, signal);
    const context = { ...dependencies, ...target, asked, signal, stop };
    await (asked.isStream ? answerOnTheWay(context) : answerAtOnce(context));
  });
}

type Started = {
  readonly generations: readonly Generation[];
  readonly head: AnswerHead;
  /** What whoever comes back for the rest has; null for an answer that begins. */
  readonly seen: SeenEvent | null;
};

async function start(
  context: AnswerContext,
  onLoading: (outlook: LoadingOutlook) => void = () => undefined,
): Promise<Started> {
  const { gateway, asked, signal, stop } = context;
  const [first, ...others] = asked.requests;
  try {
    const seen = seenBy(context);
    const start = async (request: GenerationRequest, choice: number): Promise<Generation> =>
      await gateway.generate(withSharing(request, context.request), callerOf(context, choice, onLoading));
    const generation = seen === null ? await start(first, 0) : gateway.attach(seen.requestId, 0, signal);
    const head = { requestId: generation.requestId, createdAtMs: Date.now(), model: first.model };
    const more = await Promise.all(others.map((request, index) => start(request, index + 1)));
    return { generations: [generation, ...more], head, seen };
  } catch (thrown) {
    const error = toPomonaError(thrown);
    // Nobody reads those that have begun.
    stop(error);
    if (error.code !== "cancelled") gateway.countRefusal(first.api, first.model, error);
    throw promptNamed(thrown, asked);
  }
}

function seenBy({ request, asked }: AnswerContext): SeenEvent | null {
  const seen = asked.isStream ? seenOf(request) : null;
  if (seen === null || asked.requests.length === 1) return seen;
  throw new PomonaError("invalid_request", `${lastEventHeader} is for answers of one choice`, {
    field: lastEventHeader,
  });
}

/** An error of the prompt in the words of its API: it has no other details than how far the prompt is too long. */
function promptNamed(thrown: unknown, { promptField }: ApiRequest): unknown {
  const { field, code, message, overflow } = toPomonaError(thrown);
  if (field !== "prompt" || promptField === undefined) return thrown;
  return new PomonaError(code, message, { field: promptField, ...(overflow === null ? {} : { overflow }) });
}

function framingOf({ request, asked }: AnswerContext): Framing {
  const { framing } = asked.answer;
  return framing === "lines" && headerOf(request, linesAsEventsHeader) !== undefined ? "linesAsEvents" : framing;
}

function callerOf(context: AnswerContext, choice: number, onLoading: (outlook: LoadingOutlook) => void): Caller {
  const { request, asked, signal } = context;
  return {
    ...requestCaller(request, signal),
    onLoading,
    // Lines have no ids to go on from.
    isStreamed: asked.isStream && asked.requests.length === 1 && framingOf(context) !== "lines",
    idempotencyKey: idempotencyKeyOf(request, choice),
  };
}

async function answerAtOnce(context: AnswerContext): Promise<void> {
  const { reply, asked } = context;
  const { generations, head } = await start(context);
  reply.headers(boundHeaders(head.requestId, null, asked));
  const collect = async ({ requestId, events }: Generation, choice: number): Promise<CollectedAnswer> => {
    const collector = new AnswerCollector(head.requestId, choice);
    let ending: AnswerEnding | null = null;
    for await (const event of events) {
      if (event.kind === "bound" && choice === 0) reply.headers(boundHeaders(requestId, event, asked));
      if (event.kind === "output") collector.add(event);
      if (event.kind === "prompt") collector.addPrompt(event);
      if (event.kind === "ending") ending = event.ending;
    }
    return collector.finish(succeeded(ending, context));
  };
  const answers = await all(generations.map(collect), context);
  asked.onAnswered?.(head, answers);
  const pieces = asked.answer.pieces?.(head, answers);
  if (pieces === undefined) await reply.send(asked.answer.whole(head, answers));
  else await reply.type("application/json; charset=utf-8").send(Readable.from(inTurns(pieces)));
}

/** A socket that takes all at once would leave nobody else a turn. */
async function* inTurns(pieces: Iterable<string>): AsyncGenerator<string, void, void> {
  for (const piece of pieces) {
    yield piece;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** All of them, or the first failure, which stops the others, once none is left that might still write. */
async function all<Value>(promises: readonly Promise<Value>[], { stop }: AnswerContext): Promise<Value[]> {
  for (const promise of promises) promise.catch(stop);
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

async function answerOnTheWay(context: AnswerContext): Promise<void> {
  const { reply, limits, log, asked } = context;
  const events = new EventStream(limits, {
    reply,
    framing: framingOf(context),
    signOfLife: asked.answer.signOfLife,
  });
  const ids = { requestId: reply.request.id };
  let stream = asked.answer.stream({
    requestId: ids.requestId,
    createdAtMs: Date.now(),
    model: asked.requests[0].model,
  });
  const openLate = setTimeout(() => {
    if (!events.isOpen) events.open(boundHeaders(ids.requestId, null, asked));
  }, limits.headersAfterMs);
  try {
    const { generations, head, seen } = await start(context, (outlook) => {
      if (events.isOpen) events.comment(loadingComment(outlook));
    });
    if (events.isOpen) events.comment(`pomona request=${head.requestId}`);
    ids.requestId = head.requestId;
    stream = asked.answer.stream(head);
    const writing = { events, stream, context, head, seen: seen ?? nothingSeen, ended: { count: 0 } };
    const choices = generations.map((generation, choice) => writeChoice(generation, choice, writing));
    const answers = await all(choices, context);
    asked.onAnswered?.(
      head,
      answers.flatMap((whole) => whole ?? []),
    );
    writeEnd(stream.finish(), writing);
  } catch (thrown) {
    // The error handler can still answer with a status of its own.
    if (!events.isOpen) throw thrown;
    // In no API's words: a standby that reads this asks the next coordinator for the rest.
    if (toPomonaError(thrown).code === "shutting_down") events.comment(farewellComment);
    for (const frame of stream.failed(publicError(thrown, { log, requestId: ids.requestId }))) events.frame(frame);
  } finally {
    clearTimeout(openLate);
    if (events.isOpen) events.end();
  }
}

type Writing = {
  readonly events: EventStream;
  readonly stream: AnswerStream;
  readonly context: AnswerContext;
  readonly head: AnswerHead;
  /** Whoever comes back for the rest has its beginning: the frames of that are made again, and not sent. */
  readonly seen: Omit<SeenEvent, "requestId">;
  /** Frames after the last token. */
  readonly ended: { count: number };
};

/** A frame that says nothing but that the stream is over has no id: whoever has all before it asks for it alone. */
function writeEnd(frames: readonly Frame[], { events, context, head, seen, ended }: Writing): void {
  const isOnly = context.asked.requests.length === 1;
  for (const frame of frames) {
    ended.count += 1;
    const hasId = isOnly && typeof frame.data === "object";
    if (ended.count > seen.ends) events.frame(frame, hasId ? endId(head.requestId, ended.count) : null);
  }
}

async function writeChoice(
  { requestId, events: answer }: Generation,
  choice: number,
  writing: Writing,
): Promise<CollectedAnswer | null> {
  const { events, stream, context, head, seen } = writing;
  const { signal, asked } = context;
  const isOnly = asked.requests.length === 1;
  const collector = asked.onAnswered === undefined ? null : new AnswerCollector(head.requestId, choice);
  let isBegun = false;
  let ending: AnswerEnding | null = null;
  for await (const event of answer) {
    // Before that it is not known yet whether the answer is one with another status.
    if (event.kind === "waiting" && events.isOpen) events.comment(waitingComment(event));
    if (event.kind === "bound") {
      if (events.isOpen) events.comment(boundComment(event));
      else events.open(boundHeaders(requestId, event, asked));
      const first = isBegun ? [] : stream.begin(choice, event);
      isBegun = true;
      if (seen.index < 0) for (const frame of first) events.frame(frame, isOnly ? beginId(requestId) : null);
    }
    if (event.kind === "prompt") {
      collector?.addPrompt(event);
      // Pieces end elsewhere when another coordinator goes on: what was seen of them is counted in tokens.
      const [before, rest] = splitPrompt(event.logprobs, seen.promptTokens);
      if (before !== null) stream.prompt?.(choice, { ...event, logprobs: before });
      if (rest !== null) {
        const id = isOnly ? promptId(requestId, rest.firstIndex + promptRows(rest)) : null;
        for (const frame of stream.prompt?.(choice, { ...event, logprobs: rest }) ?? []) events.frame(frame, id);
      }
    }
    if (event.kind === "output") {
      collector?.add(event);
      const frames = stream.output(choice, event);
      const { lastIndex } = event;
      for (const [place, frame] of frames.entries()) {
        if (place < seenFrames(seen, lastIndex)) continue;
        events.frame(frame, isOnly ? frameId(requestId, lastIndex, { number: place + 1, of: frames.length }) : null);
      }
    }
    if (event.kind === "ending") ending = event.ending;
    await events.ready(signal);
  }
  const done = succeeded(ending, context);
  // A generation that succeeds was bound; if it ever were not, its end still needs headers.
  if (!events.isOpen) events.open(boundHeaders(requestId, null, asked));
  writeEnd(stream.end(choice, done), writing);
  return collector?.finish(done) ?? null;
}

/** A proxy or a client that sees nothing for long gives up: this says that, and how long, it still takes. */
function waitingComment({ position, length, expectedWaitMs }: QueueOutlook): string {
  return `pomona waiting position=${position} length=${length} eta_ms=${Math.round(expectedWaitMs)}`;
}

function loadingComment({ state, percent, readyInMs }: LoadingOutlook): string {
  const eta = readyInMs === null ? "unknown" : Math.round(readyInMs);
  return `pomona loading state=${state} percent=${percent} eta_ms=${eta}`;
}

/** A request that waited long, or was moved, has its headers out already. */
function boundComment({ nodeId, queueMs, isExact }: BoundEvent): string {
  return `pomona node=${nodeId} queue_ms=${Math.round(queueMs)}${isExact ? "" : " exact=false"}`;
}

function boundHeaders(
  requestId: RequestId,
  bound: BoundEvent | null,
  { answer: { idHeader } }: ApiRequest,
): Record<string, string> {
  const own = idHeader === undefined ? {} : { [idHeader]: requestId };
  const headers = { "x-request-id": requestId, ...own };
  if (bound === null) return headers;
  return { ...headers, "x-pomona-node": bound.nodeId, "x-pomona-queue-ms": String(Math.round(bound.queueMs)) };
}

/** The ending of an answer that is one. @throws PomonaError why it is none. */
function succeeded(ending: AnswerEnding | null, { signal, asked }: AnswerContext): AnswerEnding {
  if (ending !== null && (ending.reason === "stop" || ending.reason === "length")) return ending;
  // An aborted reader gets no ending; the reason says who ended it.
  if (signal.aborted) throw toPomonaError(signal.reason);
  if (ending === null) throw new PomonaError("internal", "the events of a request ended without an ending");
  if (ending.failure !== null) throw promptNamed(errorOf(ending.failure), asked);
  if (ending.reason === "expired") throw new PomonaError("deadline_exceeded", "the deadline of the request passed");
  if (ending.reason === "cancelled") throw new PomonaError("cancelled", "the request was cancelled");
  throw new PomonaError("internal", "a request failed without saying why");
}
