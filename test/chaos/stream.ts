// One client of POST /v1/completions: records every event of its stream, and judges it alone.
import { type ClientRequest, type IncomingMessage, request } from "node:http";

export type StreamOptions = {
  /** http://host:port of the coordinator. */
  readonly http: string;
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly expected: string;
  /** The request id to ask with; the coordinator makes one without. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** `wrong` is what a client could mistake for a good answer, `failed` what it knows to be none. */
export type Verdict = "exact" | "failed" | "wrong";

type Chunk = {
  readonly id?: string;
  readonly choices?: readonly { readonly text?: string; readonly finish_reason?: string | null }[];
  readonly usage?: { readonly completion_tokens?: number } | null;
  readonly error?: { readonly code?: string; readonly message?: string };
};

/** Starts with its construction; `done` resolves when the connection has ended, however. */
export class CompletionStream {
  readonly options: StreamOptions;
  readonly done: Promise<void>;
  readonly startedAtMs = performance.now();
  /** When each event with text came. */
  readonly textAtMs: number[] = [];
  readonly ids = new Set<string>();
  readonly finishReasons: string[] = [];
  /** Codes of error events and error answers, and the ends of connections. */
  readonly errors: string[] = [];
  readonly usages: number[] = [];
  /** The nodes that it was bound to, by headers and comments. */
  readonly nodes: string[] = [];
  text = "";
  doneCount = 0;
  status = 0;
  retryAfter: string | null = null;
  endedAtMs: number | null = null;
  readonly #request: ClientRequest;
  #response: IncomingMessage | null = null;
  #rest = "";
  #isGivenUp = false;

  constructor(options: StreamOptions) {
    this.options = options;
    const { http, model, prompt, maxTokens: max_tokens, headers } = options;
    const body = JSON.stringify({
      model,
      prompt,
      max_tokens,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    this.#request = request(`${http}/v1/completions`, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers },
    });
    this.done = new Promise((resolve) => {
      this.#request.once("response", (response) => this.#read(response, resolve));
      this.#request.once("error", (error) => this.#end(`connection: ${error.message}`, resolve));
    });
    this.#request.end(body);
  }

  get isEnded(): boolean {
    return this.endedAtMs !== null;
  }

  /** Letters so far: with the simulated engine, tokens. */
  get tokens(): number {
    return this.text.length;
  }

  /** The client goes away. */
  abort(): void {
    this.#request.destroy();
  }

  /** The client goes away because it has waited long enough. */
  giveUp(): void {
    if (this.isEnded) return;
    this.#isGivenUp = true;
    this.abort();
  }

  /** Stops to read, and reads again. */
  pause(isPaused: boolean): void {
    if (isPaused) this.#response?.pause();
    else this.#response?.resume();
  }

  /** Milliseconds between events with text. */
  gaps(): number[] {
    return this.textAtMs.slice(1).map((at, index) => at - (this.textAtMs[index] ?? at));
  }

  verdict(): Verdict {
    const { expected, maxTokens } = this.options;
    if (!expected.startsWith(this.text)) return "wrong";
    if (this.errors.length > 0) return this.doneCount > 0 || this.errors.length > 1 ? "wrong" : "failed";
    const isWhole =
      this.text === expected &&
      this.ids.size === 1 &&
      this.finishReasons.join() === "length" &&
      this.doneCount === 1 &&
      this.usages.join() === String(maxTokens);
    return isWhole ? "exact" : "wrong";
  }

  #read(response: IncomingMessage, resolve: () => void): void {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.retryAfter = response.headers["retry-after"] ?? null;
    this.#bound(String(response.headers["x-pomona-node"] ?? ""));
    response.setEncoding("utf8");
    response.on("data", (piece: string) => this.#take(piece));
    response.once("end", () => this.#end(this.status === 200 ? null : this.#refusal(), resolve));
    response.once("error", (error) => this.#end(`connection: ${error.message}`, resolve));
  }

  #end(error: string | null, resolve: () => void): void {
    if (this.isEnded) return;
    if (this.#isGivenUp) this.errors.push("not ended in time");
    else if (error !== null) this.errors.push(error);
    else if (this.doneCount === 0 && this.errors.length === 0) this.errors.push("ended without [DONE]");
    this.endedAtMs = performance.now();
    resolve();
  }

  #refusal(): string {
    try {
      const { error } = JSON.parse(this.#rest) as Chunk;
      return `${this.status} ${error?.code ?? "without a code"}`;
    } catch {
      return `${this.status} without an error body`;
    }
  }

  #take(piece: string): void {
    this.#rest += piece;
    if (this.status !== 200) return;
    const events = this.#rest.split("\n\n");
    this.#rest = events.pop() ?? "";
    for (const event of events) this.#takeEvent(event);
  }

  #takeEvent(event: string): void {
    if (event.startsWith(":")) {
      this.#bound(/ node=([0-9a-f]+)/.exec(event)?.[1] ?? "");
      return;
    }
    const data = event.replace(/^id: .*\n/, "").replace(/^data: /, "");
    if (data === "[DONE]") {
      this.doneCount += 1;
      return;
    }
    const { id, choices, usage, error } = JSON.parse(data) as Chunk;
    if (error !== undefined) this.errors.push(error.code ?? "an error without a code");
    if (id !== undefined) this.ids.add(id);
    if (usage != null) this.usages.push(usage.completion_tokens ?? -1);
    for (const { text = "", finish_reason } of choices ?? []) {
      if (finish_reason != null) this.finishReasons.push(finish_reason);
      if (text === "") continue;
      this.text += text;
      this.textAtMs.push(performance.now());
    }
  }

  #bound(node: string): void {
    if (node !== "" && this.nodes.at(-1) !== node) this.nodes.push(node);
  }
}
