// A pool that says what a test tells it to, behind the same port as the real one.
import { PomonaError } from "@pomona/shared/core/errors";
import type { FinishReason, GenerationFailure, PromptInput } from "@pomona/shared/core/generation";
import type { ModelCard } from "@pomona/shared/core/model-card";
import { unknownModel } from "../core/admission.ts";
import type {
  AnswerEnding,
  ApiName,
  Caller,
  CountedPrompt,
  GenerationEvent,
  GenerationRequest,
  ModelSummary,
  Readiness,
} from "../core/generation-request.ts";
import {
  type Embeddings,
  type EmbedRequest,
  type RankRequest,
  type Relevance,
  shortened,
} from "../core/pooled-request.ts";
import type { Gateway, Generation } from "../gateway.ts";
import type { RequestHistory } from "../request-history.ts";

/** What a model of the fake pool does with a request. */
export type FakeModel = (request: GenerationRequest, signal: AbortSignal) => AsyncIterable<GenerationEvent>;

/** Characters that a prompt may have here. */
const fakeContextLength = 1000;
export const fakeNodeId = "ab".repeat(16);

/** A gateway over fake models, and what it was asked. Like the real one it gives no ending to an aborted reader. */
export class FakeGateway implements Gateway {
  readonly requests: GenerationRequest[] = [];
  readonly embedRequests: EmbedRequest[] = [];
  readonly rankRequests: RankRequest[] = [];
  readonly refusals: PomonaError[] = [];
  currentReadiness: Readiness = { isReady: true, reasons: [] };
  /** Signals of the requests, in order. */
  readonly signals: AbortSignal[] = [];
  readonly #models: ReadonlyMap<string, FakeModel>;

  constructor(models: Readonly<Record<string, FakeModel>>) {
    this.#models = new Map(Object.entries(models));
  }

  async generate(request: GenerationRequest, { signal }: Caller): Promise<Generation> {
    const model = this.#find(request.model);
    const length = lengthOf(request);
    if (length > fakeContextLength) throw tooLong("prompt", length);
    this.requests.push(request);
    this.signals.push(signal);
    const requestId = this.requests.length.toString(16).padStart(32, "0");
    return { requestId, events: untilAborted(model(request, signal), signal) };
  }

  #find(name: string): FakeModel {
    const model = this.#models.get(name);
    if (model !== undefined) return model;
    throw unknownModel(name, [...this.#models.keys()]);
  }

  attach(): Generation {
    throw new PomonaError("not_found", "the fake pool keeps no requests");
  }

  cancel(): void {
    throw new PomonaError("not_found", "the fake pool keeps no requests");
  }

  explain(): RequestHistory {
    throw new PomonaError("not_found", "the fake pool keeps no requests");
  }

  /** A token is a character. */
  async tokenize(model: string, input: PromptInput): Promise<CountedPrompt> {
    this.#find(model);
    return { tokenIds: Array.from({ length: lengthOf({ input }) }, (_, index) => index), tokensLeftOut: 0 };
  }

  /** Vectors of the length of each text, and of 1, of length 1 together; a text of more than 1,000 characters is too long. */
  async embed(request: EmbedRequest): Promise<Embeddings> {
    this.#find(request.model);
    this.embedRequests.push(request);
    const lengths = request.inputs.map((input) =>
      input.kind === "tokens" ? input.tokenIds.length : input.text.length,
    );
    const long = lengths.findIndex((length) => length > fakeContextLength);
    if (long !== -1) throw tooLong(request.fieldOf(long), lengths[long] ?? 0);
    const vectors = lengths.map((length) => shortened(fakeVector(length), request.dimensions));
    const promptTokens = lengths.reduce((sum, length) => sum + length, 0);
    return { nodeId: fakeNodeId, queueMs: 12.4, promptTokens, vectors };
  }

  /** The longer a document, the more relevant it is. */
  async rank(request: RankRequest): Promise<Relevance> {
    this.#find(request.model);
    this.rankRequests.push(request);
    const scores = request.documents.map(({ length }) => length / fakeContextLength);
    return { nodeId: fakeNodeId, queueMs: 12.4, promptTokens: 7 * scores.length, scores };
  }

  models(): readonly ModelSummary[] {
    return [...this.#models.keys()].map((name) => ({
      name,
      state: "ready",
      reason: "",
      contextLength: fakeContextLength,
      readyReplicas: 1,
      createdAtMs: 1_700_000_000_000,
      loading: null,
      survivesNodeLoss: true,
      architecture: "llama",
      card: fakeCard,
      files: [{ name: `${name}.gguf`, bytes: 1_000_000, digest: null }],
      digest: "ab".repeat(32),
      writes: true,
      embeds: true,
    }));
  }

  readiness(): Readiness {
    return this.currentReadiness;
  }

  async metricsText(): Promise<string> {
    return "# HELP pomona_node_up x\n# TYPE pomona_node_up gauge\npomona_node_up 1\n";
  }

  countRefusal(_api: ApiName, _model: string, error: PomonaError): void {
    this.refusals.push(error);
  }
}

const fakeCard: ModelCard = {
  parameterCount: 8_030_261_248,
  quantization: "Q4_K_M",
  chatTemplate: "{{ messages }}",
  thinking: "switched",
  infills: true,
  values: { "general.architecture": "llama", "llama.context_length": 131_072, "llama.block_count": 32 },
};

function tooLong(field: string, length: number): PomonaError {
  const message = `the context is ${fakeContextLength} tokens; the request needs ${length}`;
  const overflow = { promptTokens: length, contextLength: fakeContextLength };
  return new PomonaError("context_length_exceeded", message, { field, overflow });
}

/** Four values. */
export function fakeVector(length: number): Float32Array {
  const norm = Math.hypot(length, 1);
  return Float32Array.of(length / norm, 1 / norm, 0, 0);
}

function lengthOf({ input }: Pick<GenerationRequest, "input">): number {
  if (input.kind === "text") return input.text.length;
  if (input.kind === "tokens") return input.tokenIds.length;
  if (input.kind === "infill") return input.prefix.length + input.suffix.length;
  return input.messages.reduce((sum, { content }) => sum + content.length, 0);
}

async function* untilAborted(events: AsyncIterable<GenerationEvent>, signal: AbortSignal) {
  for await (const event of events) {
    if (signal.aborted) return;
    yield event;
  }
}

/** The event of a binding to the fake node after 12 ms in the queue. */
export function fakeBound(epoch = 1): GenerationEvent {
  return { kind: "bound", nodeId: fakeNodeId, epoch, queueMs: 12.4, promptTokens: 7, seed: 1, isExact: true };
}

/** An ending with a usage of 7 prompt tokens, 3 of them cached, and 5 generated ones. */
export function fakeEnding(
  reason: FinishReason,
  failure: GenerationFailure | null = null,
  stopString: string | null = null,
): GenerationEvent {
  const ending: AnswerEnding = {
    reason,
    failure,
    stopString,
    usage: { promptTokens: 7, cachedPromptTokens: 3, generatedTokens: 5 },
    timings: { queueMs: 12.4, prefillMs: 1, decodeMs: 2 },
  };
  return { kind: "ending", ending };
}

/** A piece of an answer. */
export function fakeText(text: string, lastIndex: number): GenerationEvent {
  return { kind: "output", deltas: [{ kind: "text", text }], lastIndex, tokens: null };
}

/** A model that answers with these pieces of text. */
export function saying(...pieces: readonly string[]): FakeModel {
  return async function* () {
    yield fakeBound();
    yield { kind: "progress", evaluatedTokens: 7, totalTokens: 7 };
    for (const [lastIndex, text] of pieces.entries()) yield fakeText(text, lastIndex);
    yield fakeEnding("stop");
  };
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
