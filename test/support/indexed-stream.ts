// One client of POST /v1/completions that keeps what each event of its stream says, token indices included.

export type IndexedRequest = {
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  /** 0 by default. */
  readonly temperature?: number;
  readonly seed?: number;
  /** Token ids that the answer must not hold: an end, for instance. */
  readonly bannedIds?: readonly number[];
};

export type IndexedText = {
  readonly text: string;
  /** Of the last token that the text is made of. */
  readonly lastIndex: number;
};

type Chunk = {
  readonly id: string;
  readonly choices: readonly { readonly text: string; readonly finish_reason: string | null }[];
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly error?: { readonly code: string; readonly message: string };
};

/** Starts with its construction. */
export class IndexedStream {
  readonly request: IndexedRequest;
  /** Resolves when [DONE] or the end of the connection has come; rejected when the connection breaks. */
  readonly done: Promise<void>;
  readonly texts: IndexedText[] = [];
  readonly ids = new Set<string>();
  readonly finishReasons: string[] = [];
  readonly usages: number[] = [];
  readonly errors: string[] = [];
  /** The node of each binding, in order. */
  readonly nodes: string[] = [];
  requestId = "";
  doneCount = 0;
  isEnded = false;

  /** `http` is http://host:port of the coordinator; everything is over after `deadlineMs`. */
  constructor(http: string, request: IndexedRequest, deadlineMs: number) {
    this.request = request;
    this.done = this.#run(http, AbortSignal.timeout(deadlineMs)).finally(() => {
      this.isEnded = true;
    });
    this.done.catch(() => undefined);
  }

  get text(): string {
    return this.texts.map(({ text }) => text).join("");
  }

  get tokens(): number {
    return (this.texts.at(-1)?.lastIndex ?? -1) + 1;
  }

  async #run(http: string, signal: AbortSignal): Promise<void> {
    const response = await fetch(`${http}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: bodyOf(this.request),
      signal,
    });
    if (response.status !== 200 || response.body === null)
      throw new Error(`refused: ${response.status} ${await response.text()}`);
    this.requestId = response.headers.get("x-request-id") ?? "";
    this.#bound(response.headers.get("x-pomona-node") ?? "");
    let rest = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const events = (rest + piece).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) this.#take(event);
    }
  }

  #take(event: string): void {
    if (event.startsWith(":")) this.#bound(/ node=([0-9a-f]+)/.exec(event)?.[1] ?? "");
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    if (data === "[DONE]") {
      this.doneCount += 1;
      return;
    }
    const { id, choices, usage, error } = JSON.parse(data) as Chunk;
    if (error !== undefined) {
      this.errors.push(`${error.code}: ${error.message}`);
      return;
    }
    this.ids.add(id);
    if (usage != null) this.usages.push(usage.completion_tokens);
    const lastIndex = Number(/^id: [0-9a-f]{32}-(\d+)$/m.exec(event)?.[1] ?? Number.NaN);
    for (const { text, finish_reason } of choices) {
      if (text !== "") this.texts.push({ text, lastIndex });
      if (finish_reason !== null) this.finishReasons.push(finish_reason);
    }
  }

  #bound(node: string): void {
    if (node !== "") this.nodes.push(node);
  }
}

function bodyOf({ model, prompt, maxTokens, temperature = 0, seed, bannedIds = [] }: IndexedRequest): string {
  return JSON.stringify({
    model,
    prompt,
    max_tokens: maxTokens,
    temperature,
    seed,
    logit_bias: Object.fromEntries(bannedIds.map((id) => [id, -100])),
    stream: true,
    stream_options: { include_usage: true },
  });
}
