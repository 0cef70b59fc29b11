// An answer on its way, on a hijacked response, in server-sent events or in lines: one write a tick, back-pressure honoured,
// comments while nothing happens.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { HttpLimits } from "../limits.ts";
import type { ApiAnswer, Frame } from "./api-answer.ts";

/** A coordinator that stops says it before the error of the API that was called. */
export const farewellComment = "pomona stopping";

/** With any value, what the API has as lines comes as events. */
export const linesAsEventsHeader = "x-pomona-lines-as-events";

type StreamDependencies = {
  readonly reply: FastifyReply;
  readonly framing: Framing;
  /** Sent in the place of a comment when nothing has been for long. */
  readonly signOfLife?: (() => Frame) | undefined;
};

type StreamLimits = Pick<HttpLimits, "bufferedBytesMax" | "stalledReaderMs" | "commentEveryMs">;

/** Lines as events are for a standby, which makes lines of them again: only events have ids to go on from. */
export type Framing = ApiAnswer["framing"] | "linesAsEvents";

export const lineType = "application/x-ndjson";
export const linesAsEventsType = "text/event-stream; of=lines";

const contentTypes: Readonly<Record<Framing, string>> = {
  events: "text/event-stream; charset=utf-8",
  lines: lineType,
  linesAsEvents: linesAsEventsType,
};

/** https://html.spec.whatwg.org/multipage/server-sent-events.html, or https://github.com/ndjson/ndjson-spec */
export class EventStream {
  readonly #framing: Framing;
  readonly #signOfLife: (() => Frame) | undefined;
  readonly #reply: FastifyReply;
  readonly #response: ServerResponse;
  readonly #limits: StreamLimits;
  #pending: string[] = [];
  #pendingBytes = 0;
  #isScheduled = false;
  #comments: NodeJS.Timeout | null = null;

  constructor(limits: StreamLimits, { reply, framing, signOfLife }: StreamDependencies) {
    this.#framing = framing;
    this.#signOfLife = signOfLife;
    this.#limits = limits;
    this.#reply = reply;
    this.#response = reply.raw;
  }

  /** Whether the headers are out: from here on an error can only be an event. */
  get isOpen(): boolean {
    return this.#response.headersSent;
  }

  /** Takes the response over from fastify and sends the headers, at once. */
  open(headers: Readonly<Record<string, string>>): void {
    this.#reply.hijack();
    this.#response.socket?.setNoDelay(true);
    this.#response.writeHead(200, {
      "content-type": contentTypes[this.#framing],
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...headers,
    });
    this.#response.flushHeaders();
    this.#comments = setInterval(() => {
      // Behind a reader that takes nothing they would only pile up.
      if (this.#response.writableNeedDrain) return;
      if (this.#signOfLife === undefined) this.comment("waiting");
      else this.frame(this.#signOfLife());
    }, this.#limits.commentEveryMs);
    this.#response.once("close", () => this.#stopComments());
  }

  /** Lines know none. */
  comment(text: string): void {
    if (this.#framing !== "lines") this.#write(`: ${text}\n\n`);
  }

  /** `id` is what a browser names as the last it has seen when it connects again; lines have none. */
  frame({ event, data }: Frame, id: string | null = null): void {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    const fields = `${id === null ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}`;
    this.#write(this.#framing === "lines" ? `${text}\n` : `${fields}data: ${text}\n\n`);
  }

  /** Resolves when more may be written, or the signal aborts. A reader that takes nothing for too long is cut off. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#response.writableLength + this.#pendingBytes < this.#limits.bufferedBytesMax || signal.aborted) return;
    this.#flush();
    if (!this.#response.writableNeedDrain) return;
    const stalled = this.#cutOffLater();
    await once(this.#response, "drain", { signal }).catch(() => undefined);
    clearTimeout(stalled);
  }

  end(): void {
    this.#stopComments();
    this.#flush();
    if (this.#response.destroyed) return;
    const stalled = this.#cutOffLater();
    this.#response.once("close", () => clearTimeout(stalled));
    this.#response.end();
  }

  #stopComments(): void {
    if (this.#comments !== null) clearInterval(this.#comments);
    this.#comments = null;
  }

  #cutOffLater(): NodeJS.Timeout {
    return setTimeout(() => this.#response.destroy(), this.#limits.stalledReaderMs).unref();
  }

  #write(text: string): void {
    this.#pending.push(text);
    this.#pendingBytes += Buffer.byteLength(text);
    this.#comments?.refresh();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#pending.length === 0) return;
    const text = this.#pending.join("");
    this.#pending = [];
    this.#pendingBytes = 0;
    if (!this.#response.destroyed && !this.#response.writableEnded) this.#response.write(text);
  }
}
