// Server-sent events on a hijacked response: one write a tick, back-pressure honoured, comments while nothing happens.
import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** Text that may wait for a slow reader before the stream waits for it. */
const bufferedBytesMax = 1024 * 1024;

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStream {
  readonly #response: ServerResponse;
  #pending = "";
  #isScheduled = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get isOpen(): boolean {
    return this.#response.headersSent;
  }

  /** Sends the headers, at once. */
  open(headers: Readonly<Record<string, string>>): void {
    this.#response.socket?.setNoDelay(true);
    this.#response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...headers,
    });
    this.#response.flushHeaders();
  }

  comment(text: string): void {
    this.#write(`: ${text}\n\n`);
  }

  data(value: object | string): void {
    this.#write(`data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`);
  }

  /** Resolves when more may be written, or the client has gone. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#response.writableLength + this.#pending.length < bufferedBytesMax || signal.aborted) return;
    this.#flush();
    await once(this.#response, "drain", { signal }).catch(() => undefined);
  }

  end(): void {
    this.#flush();
    this.#response.end();
  }

  #write(text: string): void {
    this.#pending += text;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#pending === "" || this.#response.destroyed) return;
    this.#response.write(this.#pending);
    this.#pending = "";
  }
}
