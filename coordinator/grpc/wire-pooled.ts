// Vectors and relevance: wire format <-> values of core/pooled-request.
import type { InferenceEmbedInput__Output } from "@pomona/proto/generated/pomona/v1/InferenceEmbedInput";
import type { InferenceEmbedRequest__Output } from "@pomona/proto/generated/pomona/v1/InferenceEmbedRequest";
import type { InferenceEmbedResponse } from "@pomona/proto/generated/pomona/v1/InferenceEmbedResponse";
import type { InferenceRerankRequest__Output } from "@pomona/proto/generated/pomona/v1/InferenceRerankRequest";
import type { InferenceRerankResponse } from "@pomona/proto/generated/pomona/v1/InferenceRerankResponse";
import {
  checkLength,
  checkModelName,
  checkPresent,
  checkText,
  fail,
  textLengthMax,
  tokensMax,
} from "@pomona/shared/grpc/wire-checks";
import {
  type Embeddings,
  type EmbedInput,
  type EmbedRequest,
  mostRelevant,
  pooledInputsMax,
  type RankRequest,
  type Relevance,
} from "../core/pooled-request.ts";

/** @throws PomonaError `invalid_request` that names the field. */
export function embedRequestFromWire(wire: InferenceEmbedRequest__Output): EmbedRequest {
  const fieldOf = (index: number): string => `inputs[${index}]`;
  const inputs = checkLength("inputs", wire.inputs, pooledInputsMax);
  return {
    api: "grpc",
    model: checkModelName("model", wire.model),
    inputs: inputs.map((input, index) => embedInputFromWire(input, fieldOf(index))),
    dimensions: wire.dimensions === 0 ? null : wire.dimensions,
    timeoutMs: wire.timeoutMs === 0 ? null : wire.timeoutMs,
    fieldOf,
  };
}

function embedInputFromWire(wire: InferenceEmbedInput__Output, field: string): EmbedInput {
  switch (wire.input) {
    case "text": {
      const text = checkText(field, checkPresent(field, wire.text), textLengthMax);
      return text === "" ? fail(field, "is empty") : { kind: "text", text };
    }
    case "tokenIds": {
      const { ids } = checkPresent(field, wire.tokenIds);
      if (ids.length === 0) fail(field, "is empty");
      return { kind: "tokens", tokenIds: checkLength(field, ids, tokensMax) };
    }
    default:
      return fail(field, "is missing: set text or token_ids");
  }
}

export function embeddingsToWire({ vectors, promptTokens, nodeId }: Embeddings): InferenceEmbedResponse {
  return { embeddings: vectors.map((vector) => ({ values: [...vector] })), promptTokens, nodeId };
}

/** @throws PomonaError `invalid_request` that names the field. */
export function rankRequestFromWire(wire: InferenceRerankRequest__Output): RankRequest {
  const fieldOf = (index: number): string => `documents[${index}]`;
  const documents = checkLength("documents", wire.documents, pooledInputsMax);
  return {
    api: "grpc",
    model: checkModelName("model", wire.model),
    query: wire.query === "" ? fail("query", "is empty") : checkText("query", wire.query, textLengthMax),
    documents: documents.map((document, index) => checkText(fieldOf(index), document, textLengthMax)),
    timeoutMs: wire.timeoutMs === 0 ? null : wire.timeoutMs,
    fieldOf,
  };
}

/** `topN` 0 means all. */
export function relevanceToWire({ scores, promptTokens, nodeId }: Relevance, topN: number): InferenceRerankResponse {
  return { results: mostRelevant(scores, topN === 0 ? null : topN), promptTokens, nodeId };
}
