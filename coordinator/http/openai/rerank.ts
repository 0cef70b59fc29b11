// POST /v1/rerank, in the shape of Jina's API (https://jina.ai/reranker).
import { z } from "zod";
import { mostRelevant, pooledInputsMax, type RankRequest, type Relevance } from "../../core/pooled-request.ts";
import type { Gateway } from "../../gateway.ts";
import type { PooledRun } from "../answers/answer-pooled.ts";
import { invalid, onlyNothing, parseAt, text } from "../requests/field.ts";

const rerankSchema = z.strictObject({
  model: z.string().min(1).max(256),
  query: z.unknown().optional(),
  documents: z.unknown().optional(),
  top_n: z.number().int().min(1).max(1_000_000).nullish(),
  return_documents: z.boolean().nullish(),
  user: z.string().nullish(),
  // Documents are never cut in secret.
  truncation: onlyNothing(),
  max_chunks_per_doc: onlyNothing(),
  max_tokens_per_doc: onlyNothing(),
  rank_fields: onlyNothing(),
});

const documentObject = z.strictObject({ text });

/** @throws PomonaError `invalid_request` that names the field. */
export function parseRerank(body: unknown, gateway: Pick<Gateway, "rank">): PooledRun<Relevance> {
  const parsed = parseAt(rerankSchema, body, []);
  const { model } = parsed;
  const documents = parseDocuments(parsed.documents);
  const fieldOf = (index: number): string => `documents[${index}]`;
  const request: RankRequest = {
    api: "openai",
    model,
    timeoutMs: null,
    query: parseQuery(parsed.query),
    documents,
    fieldOf,
  };
  const wish = { model, topN: parsed.top_n ?? null, documents: parsed.return_documents === false ? null : documents };
  return { ask: (caller) => gateway.rank(request, caller), write: (answer, id) => write(answer, { id, ...wish }) };
}

function parseQuery(value: unknown): string {
  if (value === undefined || value === null) throw invalid(["query"], "is missing");
  if (value === "") throw invalid(["query"], "must not be empty");
  return parseAt(text, value, ["query"]);
}

function parseDocuments(value: unknown): readonly string[] {
  if (value === undefined || value === null) throw invalid(["documents"], "is missing");
  if (!Array.isArray(value)) throw invalid(["documents"], "must be a list of strings, or of objects with a text");
  if (value.length === 0) throw invalid(["documents"], "must not be empty");
  if (value.length > pooledInputsMax)
    throw invalid(["documents"], `must hold at most ${pooledInputsMax} documents, not ${value.length}`);
  return value.map((document: unknown, index) => {
    const path = ["documents", index];
    if (typeof document === "string") return parseAt(text, document, path);
    if (document === null || typeof document !== "object")
      throw invalid(path, "must be a string or an object with a text");
    return parseAt(documentObject, document, path).text;
  });
}

type Wish = {
  /** Of the request. Jina's answers have none, those of vLLM and Cohere do. */
  readonly id: string;
  readonly model: string;
  readonly topN: number | null;
  /** null leaves them out. */
  readonly documents: readonly string[] | null;
};

function* write({ scores, promptTokens }: Relevance, { id, model, topN, documents }: Wish): Generator<string> {
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
  yield `{"id":"rerank-${id}","model":${JSON.stringify(model)},"object":"list","usage":${JSON.stringify(usage)},"results":[`;
  for (const [place, { index, score }] of mostRelevant(scores, topN).entries()) {
    const document = documents === null ? {} : { document: { text: documents[index] ?? "" } };
    yield `${place === 0 ? "" : ","}${JSON.stringify({ index, ...document, relevance_score: score })}`;
  }
  yield "]}";
}
