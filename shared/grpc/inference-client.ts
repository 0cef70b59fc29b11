// What programs in TypeScript call a pool with: `pomona.v1.Inference`, with answers that survive lost connections.
import { Metadata } from "@grpc/grpc-js";
import type { InferenceClient } from "@pomona/proto/generated/pomona/v1/Inference";
import type { InferenceEmbedRequest } from "@pomona/proto/generated/pomona/v1/InferenceEmbedRequest";
import type { InferenceEmbedResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceEmbedResponse";
import type { InferenceGenerateRequest } from "@pomona/proto/generated/pomona/v1/InferenceGenerateRequest";
import type { InferenceGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import type { InferenceRerankRequest } from "@pomona/proto/generated/pomona/v1/InferenceRerankRequest";
import type { InferenceRerankResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceRerankResponse";
import type { InferenceTokenizeRequest } from "@pomona/proto/generated/pomona/v1/InferenceTokenizeRequest";
import type { ModelSummary__Output } from "@pomona/proto/generated/pomona/v1/ModelSummary";
import { pomona } from "@pomona/proto/load";
import { type ErrorCode, PomonaError, toPomonaError } from "../core/errors.ts";
import { pause } from "../runtime/pause.ts";
import { randomId } from "../runtime/random-id.ts";
import { type ClientMethod, callUnary, createInferenceClient } from "./client.ts";
import { readMessages } from "./read-messages.ts";
import { ResumePoint } from "./resume-point.ts";

type Frames = Omit<InferenceGenerateResponse__Output, "frame">;

/** A frame of `InferenceGenerateResponse` by its name: bound, text, toolCall, ending, ... */
export type GenerateEvent = {
  [Kind in keyof Frames]-?: { readonly kind: Kind } & Readonly<NonNullable<Frames[Kind]>>;
}[keyof Frames];

export type CallOptions = {
  /** Ends the call, and the work for it in the pool. */
  readonly signal?: AbortSignal;
  /** Longest time for all of it. Default ten minutes. */
  readonly timeoutMs?: number;
};

export type PomonaClientOptions = {
  /** How long it tries to come back to an answer whose connection was lost. Default 30 s, as long as a pool keeps it; 0 never. */
  readonly resumeMs?: number;
};

const defaultTimeoutMs = 600_000;
const defaultResumeMs = 30_000;
const resumeEveryMs = 250;
const cancelTimeoutMs = 2000;
/** `model_not_ready` is a coordinator that has just begun and has not heard of everything that runs. */
const resumedCodes: ReadonlySet<ErrorCode> = new Set([
  "node_lost",
  "no_active_coordinator",
  "shutting_down",
  "model_not_ready",
]);
/** After its deadline a pool says so itself; only then the call is given up. */
const deadlineGraceMs = 2000;

/**
 * A client of one pool, for many calls at once:
 *
 *     const client = new PomonaClient(["127.0.0.1:8485"]);
 *     for await (const event of client.generate({ model: "tiny", prompt: "Hello" }))
 *       if (event.kind === "text") process.stdout.write(event.text);
 *     await client.close();
 *
 * Every call throws PomonaError with the pool's own code; `node_lost` when no coordinator can be reached.
 */
export class PomonaClient {
  readonly #addresses: readonly string[];
  readonly #resumeMs: number;
  #client: InferenceClient;
  #turn = 0;
  readonly #closed = new AbortController();
  /** Answers that are on their way. */
  readonly #open = new Set<ResumePoint>();

  /** host:port of the pool's coordinators: the next one is taken when a connection is lost. */
  constructor(addresses: readonly [string, ...string[]], { resumeMs = defaultResumeMs }: PomonaClientOptions = {}) {
    this.#addresses = addresses;
    this.#resumeMs = resumeMs;
    this.#client = createInferenceClient(addresses[0]);
  }

  /**
   * The answer, event by event; the last one is `ending`, which says whether it failed. When the connection is lost it goes
   * on after what came already; `waiting`, `progress` and `bound` may come again then. Leaving the loop cancels it.
   */
  async *generate(
    request: InferenceGenerateRequest,
    { signal = new AbortController().signal, timeoutMs = defaultTimeoutMs }: CallOptions = {},
  ): AsyncGenerator<GenerateEvent, void, void> {
    const deadlineMs = performance.now() + timeoutMs;
    const point = new ResumePoint(randomId());
    const whole = { ...request, timeoutMs: request.timeoutMs || timeoutMs };
    // When it was last heard of; null before the first frame.
    let heardAtMs: number | null = null;
    let isEnded = false;
    this.#open.add(point);
    try {
      for (;;) {
        const used = this.#client;
        try {
          const leftMs = deadlineMs - performance.now() + deadlineGraceMs;
          for await (const wire of this.#frames(whole, point, { signal, timeoutMs: Math.max(1, leftMs) })) {
            heardAtMs = performance.now();
            isEnded = wire.frame === "ending";
            if (point.isNew(wire)) yield eventOf(wire);
          }
          if (isEnded) return;
          throw new PomonaError("node_lost", "the stream ended without an ending");
        } catch (thrown) {
          if (signal.aborted || !this.#isToBeResumed(thrown, heardAtMs)) throw thrown;
        }
        this.#renew(used);
        await pause(resumeEveryMs, signal);
      }
    } finally {
      // The pool would keep it for whoever comes back.
      if (this.#open.delete(point) && !isEnded) void this.#cancel(point);
    }
  }

  async embed(request: InferenceEmbedRequest, options: CallOptions = {}): Promise<InferenceEmbedResponse__Output> {
    return await this.#call(pomona.Inference.service.Embed, request, options);
  }

  async rerank(request: InferenceRerankRequest, options: CallOptions = {}): Promise<InferenceRerankResponse__Output> {
    return await this.#call(pomona.Inference.service.Rerank, request, options);
  }

  async tokenize(request: InferenceTokenizeRequest, options: CallOptions = {}): Promise<readonly number[]> {
    return (await this.#call(pomona.Inference.service.Tokenize, request, options)).tokenIds;
  }

  async models(options: CallOptions = {}): Promise<readonly ModelSummary__Output[]> {
    return (await this.#call(pomona.Inference.service.ListModels, {}, options)).models;
  }

  /** Ends the calls that are under way, as `cancelled`. */
  async close(): Promise<void> {
    this.#closed.abort(new PomonaError("cancelled", "the client was closed"));
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((point) => this.#cancel(point)));
    this.#client.close();
  }

  async *#frames(
    request: InferenceGenerateRequest,
    point: ResumePoint,
    call: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): AsyncGenerator<InferenceGenerateResponse__Output, void, void> {
    const { Generate, Attach } = pomona.Inference.service;
    const signal = this.#ended(call.signal);
    const { requestId, fromIndex, key } = point.begin();
    if (requestId === null) {
      const metadata = new Metadata();
      // Sent again, it attaches to the request that runs.
      metadata.set("idempotency-key", key);
      yield* readMessages(this.#client, Generate, { ...call, signal, request, metadata });
      return;
    }
    const attached = readMessages(this.#client, Attach, { ...call, signal, request: { requestId, fromIndex } });
    for await (const { response } of attached) if (response !== null) yield response;
  }

  /** What has never begun is not awaited: whoever asks may ask elsewhere. */
  #isToBeResumed(thrown: unknown, heardAtMs: number | null): boolean {
    if (heardAtMs === null || performance.now() - heardAtMs >= this.#resumeMs) return false;
    return resumedCodes.has(toPomonaError(thrown).code);
  }

  #ended(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closed.signal]);
  }

  /** A channel that has failed waits by itself before it connects again; a new one does not. */
  #renew(used: InferenceClient): void {
    if (this.#client !== used) return;
    used.close();
    this.#turn += 1;
    this.#client = createInferenceClient(this.#addresses[this.#turn % this.#addresses.length] ?? "");
  }

  async #cancel({ requestId, key }: ResumePoint): Promise<void> {
    const request = { requestId: requestId ?? "", idempotencyKey: key };
    const call = { request, timeoutMs: cancelTimeoutMs, signal: AbortSignal.timeout(cancelTimeoutMs) };
    await callUnary(this.#client, pomona.Inference.service.Cancel, call).catch(() => undefined);
  }

  async #call<Request, Response>(
    method: ClientMethod<Request, Response>,
    request: NoInfer<Request>,
    { signal = new AbortController().signal, timeoutMs = defaultTimeoutMs }: CallOptions,
  ): Promise<Response> {
    return await callUnary(this.#client, method, { request, timeoutMs, signal: this.#ended(signal) });
  }
}

function eventOf({ frame, ...frames }: InferenceGenerateResponse__Output): GenerateEvent {
  const value = frame === undefined ? null : frames[frame];
  if (value === null || value === undefined)
    throw new PomonaError("internal", "the pool sent a frame that this client does not know");
  // The name and the value are of the same frame.
  return { kind: frame, ...value } as GenerateEvent;
}
