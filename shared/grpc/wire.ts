// Generations: wire format <-> values of shared/core/generation. The directions from the wire validate and throw
// PomonaError `invalid_request` with the field. Node statuses and replicas are in wire-status.ts.
import type { Accepted__Output } from "@pomona/proto/generated/pomona/v1/Accepted";
import type { DrySampling__Output } from "@pomona/proto/generated/pomona/v1/DrySampling";
import type { Ending__Output, Ending as WireEnding } from "@pomona/proto/generated/pomona/v1/Ending";
import type { ErrorDetail, ErrorDetail__Output } from "@pomona/proto/generated/pomona/v1/ErrorDetail";
import type { FinishReason as WireFinishReason } from "@pomona/proto/generated/pomona/v1/FinishReason";
import type {
  NodeGenerateRequest,
  NodeGenerateRequest__Output,
} from "@pomona/proto/generated/pomona/v1/NodeGenerateRequest";
import type {
  NodeGenerateResponse,
  NodeGenerateResponse__Output,
} from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import type { Sampling__Output, Sampling as WireSampling } from "@pomona/proto/generated/pomona/v1/Sampling";
import type { TokenChunk__Output } from "@pomona/proto/generated/pomona/v1/TokenChunk";
import type { TokenLogprobs as WireTokenLogprobs } from "@pomona/proto/generated/pomona/v1/TokenLogprobs";
import { unreachable } from "../core/assert.ts";
import { parseErrorCode } from "../core/errors.ts";
import {
  type Attempt,
  type AttemptFrame,
  type CheckpointUse,
  type Decoding,
  type DrySampling,
  defaultSampling,
  type Ending,
  type FinishReason,
  type GenerationFailure,
  orphanMsMax,
  penaltyLastTokensMax,
  type Sampling,
  type TokenLogprobs,
  takeoverBytesMax,
} from "../core/generation.ts";
import { compiledGbnfBytesMax } from "../core/grammar/gbnf/check-gbnf.ts";
import {
  checkCount,
  checkEnum,
  checkHexId,
  checkInteger,
  checkLength,
  checkNumber,
  checkPresent,
  checkReplicaId,
  checkText,
  fail,
  tokensMax,
} from "./wire-checks.ts";
import { promptLogprobsFromWire, promptLogprobsToWire } from "./wire-prompt-logprobs.ts";

const uint32Max = 2 ** 32 - 1;
const logitBiasMax = 1024;
const stopTokensMax = 1024;
const dryLastTokensMax = 1 << 16;
const topLogprobsMax = 20;
const epochRange = { min: 1, max: uint32Max };
const tokenRange = { min: 0, max: uint32Max };

const finishReasons: Readonly<Record<FinishReason, WireFinishReason & string>> = {
  stop: "FINISH_REASON_STOP",
  length: "FINISH_REASON_LENGTH",
  cancelled: "FINISH_REASON_CANCELLED",
  expired: "FINISH_REASON_EXPIRED",
  failed: "FINISH_REASON_FAILED",
};
const finishReasonsByWire: Readonly<Partial<Record<WireFinishReason & string, FinishReason>>> = {
  FINISH_REASON_STOP: "stop",
  FINISH_REASON_LENGTH: "length",
  FINISH_REASON_CANCELLED: "cancelled",
  FINISH_REASON_EXPIRED: "expired",
  FINISH_REASON_FAILED: "failed",
};

export function samplingToWire(sampling: Sampling): WireSampling {
  return {
    temperature: sampling.temperature,
    topK: sampling.topK,
    topP: sampling.topP,
    minP: sampling.minP,
    typicalP: sampling.typicalP,
    seed: sampling.seed,
    repeatPenalty: sampling.repeatPenalty,
    presencePenalty: sampling.presencePenalty,
    frequencyPenalty: sampling.frequencyPenalty,
    penaltyLastTokens: sampling.penaltyLastTokens,
    dry: sampling.dry,
    logitBias: sampling.logitBias.map(({ tokenId, bias }) => ({ tokenId, bias })),
  };
}

/** Without a message: `defaultSampling`. An unset (0) top_p, typical_p or repeat_penalty means 1. */
export function samplingFromWire(wire: Sampling__Output | null | undefined): Sampling {
  if (wire === null || wire === undefined) return defaultSampling;
  const penalty = { min: -10, max: 10 };
  return {
    temperature: checkNumber("sampling.temperature", wire.temperature, { min: 0, max: 10 }),
    topK: checkInteger("sampling.top_k", wire.topK, { min: 0, max: uint32Max }),
    topP: checkNumber("sampling.top_p", wire.topP === 0 ? 1 : wire.topP, { min: 0, max: 1 }),
    minP: checkNumber("sampling.min_p", wire.minP, { min: 0, max: 1 }),
    typicalP: checkNumber("sampling.typical_p", wire.typicalP === 0 ? 1 : wire.typicalP, { min: 0, max: 1 }),
    seed: checkCount("sampling.seed", wire.seed),
    repeatPenalty: checkNumber("sampling.repeat_penalty", wire.repeatPenalty === 0 ? 1 : wire.repeatPenalty, {
      min: 0,
      max: 10,
    }),
    presencePenalty: checkNumber("sampling.presence_penalty", wire.presencePenalty, penalty),
    frequencyPenalty: checkNumber("sampling.frequency_penalty", wire.frequencyPenalty, penalty),
    penaltyLastTokens: checkInteger(
      "sampling.penalty_last_tokens",
      wire.penaltyLastTokens || defaultSampling.penaltyLastTokens,
      { min: 1, max: penaltyLastTokensMax },
    ),
    dry: dryFromWire(wire.dry),
    logitBias: checkLength("sampling.logit_bias", wire.logitBias, logitBiasMax).map((entry, index) => ({
      tokenId: entry.tokenId,
      bias: checkNumber(`sampling.logit_bias[${index}].bias`, entry.bias, { min: -100, max: 100 }),
    })),
  };
}

/** Unset (0) fields mean their defaults, and a multiplier of 0 means off. */
function dryFromWire(wire: DrySampling__Output | null): DrySampling | null {
  if (wire === null || wire.multiplier === 0) return null;
  const tokens = { min: 1, max: dryLastTokensMax };
  return {
    multiplier: checkNumber("sampling.dry.multiplier", wire.multiplier, { min: 0, max: 100 }),
    base: checkNumber("sampling.dry.base", wire.base || 1.75, { min: 1, max: 10 }),
    allowedLength: checkInteger("sampling.dry.allowed_length", wire.allowedLength || 2, tokens),
    lastTokens: checkInteger("sampling.dry.last_tokens", wire.lastTokens || 1024, tokens),
  };
}

/** Characters of the path of a field. */
const fieldLengthMax = 256;

export function failureToWire(failure: GenerationFailure): ErrorDetail {
  const { code, message, isRetryable, retryAfterMs, queue, field } = failure;
  return {
    code,
    message,
    isRetryable,
    retryAfterMs: retryAfterMs ?? 0,
    queue: queue ?? null,
    field: (field ?? "").slice(0, fieldLengthMax),
  };
}

export function failureFromWire(field: string, wire: ErrorDetail__Output): GenerationFailure {
  const message = checkText(`${field}.message`, wire.message, 64 * 1024);
  const { isRetryable, retryAfterMs, queue } = wire;
  return {
    code: parseErrorCode(wire.code),
    message,
    isRetryable,
    ...(retryAfterMs > 0 ? { retryAfterMs } : {}),
    ...(queue === null ? {} : { queue: { ...queue } }),
    ...(wire.field === "" ? {} : { field: checkText(`${field}.field`, wire.field, fieldLengthMax) }),
  };
}

export function endingToWire(ending: Ending): WireEnding {
  return {
    reason: finishReasons[ending.reason],
    error: ending.failure === null ? null : failureToWire(ending.failure),
    usage: { ...ending.usage },
    timings: { ...ending.timings },
    endLogprobs: ending.endLogprobs === undefined ? null : logprobsToWire(ending.endLogprobs),
  };
}

export function endingFromWire(wire: Ending__Output): Ending {
  const reason = checkEnum("ending.reason", wire.reason, finishReasonsByWire);
  const failure = wire.error === null ? null : failureFromWire("ending.error", wire.error);
  if (failure === null && reason === "failed") fail("ending.error", "is missing although the reason is failed");
  const durations = { min: 0, max: Number.MAX_SAFE_INTEGER };
  return {
    reason,
    failure,
    usage: {
      promptTokens: wire.usage?.promptTokens ?? 0,
      cachedPromptTokens: wire.usage?.cachedPromptTokens ?? 0,
      generatedTokens: wire.usage?.generatedTokens ?? 0,
    },
    timings: {
      queueMs: checkNumber("ending.timings.queue_ms", wire.timings?.queueMs ?? 0, durations),
      prefillMs: checkNumber("ending.timings.prefill_ms", wire.timings?.prefillMs ?? 0, durations),
      decodeMs: checkNumber("ending.timings.decode_ms", wire.timings?.decodeMs ?? 0, durations),
    },
    ...(wire.endLogprobs === null ? {} : { endLogprobs: wire.endLogprobs }),
  };
}

function decodingToWire(decoding: Decoding): NodeGenerateRequest {
  return {
    sampling: samplingToWire(decoding.sampling),
    maxTokens: decoding.maxTokens,
    stopTokenIds: [...decoding.stopTokenIds],
    grammar: decoding.grammar ?? "",
    hasLogprobs: decoding.topLogprobs !== null,
    topLogprobs: decoding.topLogprobs ?? 0,
    hasPromptLogprobs: decoding.logsPrompt,
    cacheScope: decoding.cacheScope.owner,
    sharedPromptTokens: decoding.cacheScope.sharedTokens,
  };
}

function decodingFromWire(wire: NodeGenerateRequest__Output): Decoding {
  const topLogprobs = checkInteger("top_logprobs", wire.topLogprobs, { min: 0, max: topLogprobsMax });
  return {
    sampling: samplingFromWire(wire.sampling),
    maxTokens: checkInteger("max_tokens", wire.maxTokens, { min: 1, max: uint32Max }),
    stopTokenIds: checkLength("stop_token_ids", wire.stopTokenIds, stopTokensMax),
    grammar: checkText("grammar", wire.grammar, compiledGbnfBytesMax) || null,
    topLogprobs: wire.hasLogprobs ? topLogprobs : null,
    logsPrompt: wire.hasLogprobs && wire.hasPromptLogprobs,
    cacheScope: { owner: checkText("cache_scope", wire.cacheScope, 256), sharedTokens: wire.sharedPromptTokens },
  };
}

export function attemptToWire(attempt: Attempt): NodeGenerateRequest {
  return {
    requestId: attempt.requestId,
    epoch: attempt.epoch,
    replicaId: attempt.replicaId,
    promptTokenIds: [...attempt.promptTokenIds],
    promptChunkLengths: [...attempt.promptChunkLengths],
    emittedTokenIds: [...attempt.emittedTokenIds],
    ...decodingToWire(attempt.decoding),
    orphanMs: attempt.orphanMs,
    takeover: bufferOf(attempt.takeover),
  };
}

export function attemptFromWire(wire: NodeGenerateRequest__Output): Attempt {
  const promptTokenIds = checkLength("prompt_token_ids", wire.promptTokenIds, tokensMax);
  if (promptTokenIds.length === 0) fail("prompt_token_ids", "must hold at least one token");
  const emittedTokenIds = checkLength("emitted_token_ids", wire.emittedTokenIds, tokensMax);
  const decoding = decodingFromWire(wire);
  const { maxTokens } = decoding;
  if (emittedTokenIds.length >= maxTokens)
    fail("emitted_token_ids", `holds ${emittedTokenIds.length} tokens, which is all of max_tokens ${maxTokens}`);
  return {
    requestId: checkHexId("request_id", wire.requestId),
    epoch: checkInteger("epoch", wire.epoch, epochRange),
    replicaId: checkReplicaId("replica_id", wire.replicaId),
    promptTokenIds,
    promptChunkLengths: chunkLengthsFromWire(wire.promptChunkLengths, promptTokenIds.length),
    emittedTokenIds,
    decoding,
    orphanMs: checkInteger("orphan_ms", wire.orphanMs, { min: 0, max: orphanMsMax }),
    takeover: takeoverFromWire(wire.takeover),
  };
}

/** A copy, because it is kept for long and would keep the whole message. */
function takeoverFromWire(bytes: Uint8Array): Uint8Array {
  if (bytes.length > takeoverBytesMax)
    fail("takeover", `is ${bytes.length} bytes long; at most ${takeoverBytesMax} are taken`);
  return new Uint8Array(bytes);
}

function chunkLengthsFromWire(lengths: readonly number[], promptLength: number): readonly number[] {
  checkLength("prompt_chunk_lengths", lengths, tokensMax);
  let sum = 0;
  for (const length of lengths) sum += checkInteger("prompt_chunk_lengths", length, { min: 1, max: promptLength });
  if (sum > promptLength)
    fail("prompt_chunk_lengths", `sum to ${sum}, more than the ${promptLength} tokens of the prompt`);
  return lengths;
}

/** An attempt's frame with the attempt that it belongs to. */
export type AddressedFrame = { readonly requestId: string; readonly epoch: number; readonly frame: AttemptFrame };

export function attemptFrameToWire({ requestId, epoch, frame }: AddressedFrame): NodeGenerateResponse {
  switch (frame.kind) {
    case "accepted": {
      const { slot, cachedPromptTokens, promptTokens, checkpoint = "" } = frame;
      const cachedChunkLengths = [...frame.cachedChunkLengths];
      const accepted = { slot, cachedPromptTokens, promptTokens, cachedChunkLengths, checkpoint };
      return { requestId, epoch, frame: "accepted", accepted };
    }
    case "prefill": {
      const { evaluatedTokens, totalTokens, chunkLength } = frame;
      const prefill = { progress: { evaluatedTokens, totalTokens }, chunkLength };
      return { requestId, epoch, frame: "prefill", prefill };
    }
    case "promptLogprobs":
      return { requestId, epoch, frame: "promptLogprobs", promptLogprobs: promptLogprobsToWire(frame.logprobs) };
    case "tokens": {
      const texts = frame.texts.map(bufferOf);
      const logprobs = (frame.logprobs ?? []).map(logprobsToWire);
      return {
        requestId,
        epoch,
        frame: "tokens",
        tokens: { firstIndex: frame.firstIndex, ids: [...frame.ids], texts, logprobs },
      };
    }
    case "ending":
      return { requestId, epoch, frame: "ending", ending: endingToWire(frame.ending) };
    default:
      return unreachable(frame);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function logprobsToWire({ logprob, top }: TokenLogprobs): WireTokenLogprobs {
  return { logprob, top: top.map(({ id, text, logprob: other }) => ({ id, text: bufferOf(text), logprob: other })) };
}

export function attemptFrameFromWire(wire: NodeGenerateResponse__Output): AddressedFrame {
  const requestId = checkHexId("request_id", wire.requestId);
  const epoch = checkInteger("epoch", wire.epoch, epochRange);
  return { requestId, epoch, frame: frameFromWire(wire) };
}

function frameFromWire(wire: NodeGenerateResponse__Output): AttemptFrame {
  switch (wire.frame) {
    case "accepted":
      return acceptedFromWire(checkPresent("accepted", wire.accepted));
    case "prefill": {
      const prefill = checkPresent("prefill", wire.prefill);
      const progress = checkPresent("prefill.progress", prefill.progress);
      if (progress.evaluatedTokens > progress.totalTokens)
        fail("prefill.progress.evaluated_tokens", `is ${progress.evaluatedTokens} of ${progress.totalTokens}`);
      return { kind: "prefill", ...progress, chunkLength: prefill.chunkLength };
    }
    case "promptLogprobs": {
      const logprobs = promptLogprobsFromWire(checkPresent("prompt_logprobs", wire.promptLogprobs));
      return { kind: "promptLogprobs", logprobs };
    }
    case "tokens":
      return tokensFromWire(checkPresent("tokens", wire.tokens));
    case "ending":
      return { kind: "ending", ending: endingFromWire(checkPresent("ending", wire.ending)) };
    default:
      return fail("frame", "is missing or of a kind that this version does not know");
  }
}

function acceptedFromWire({ cachedChunkLengths, checkpoint, ...accepted }: Accepted__Output): AttemptFrame {
  const sum = checkLength("accepted.cached_chunk_lengths", cachedChunkLengths, tokensMax).reduce((a, b) => a + b, 0);
  if (sum !== accepted.cachedPromptTokens)
    fail("accepted.cached_chunk_lengths", `sum to ${sum}, not to the ${accepted.cachedPromptTokens} cached tokens`);
  return { kind: "accepted", ...accepted, cachedChunkLengths, ...checkpointFromWire(checkpoint) };
}

/** A word that this version does not know says nothing. */
function checkpointFromWire(word: string): { readonly checkpoint?: CheckpointUse } {
  return word === "restored" || word === "failed" ? { checkpoint: word } : {};
}

function tokensFromWire(wire: TokenChunk__Output): AttemptFrame {
  const ids = checkLength("tokens.ids", wire.ids, tokensMax);
  if (ids.length !== wire.texts.length)
    fail("tokens.texts", `has ${wire.texts.length} entries for ${ids.length} token ids`);
  const firstIndex = checkInteger("tokens.first_index", wire.firstIndex, tokenRange);
  const logprobs = wire.logprobs.length === 0 ? null : wire.logprobs;
  if (logprobs !== null && logprobs.length !== ids.length)
    fail("tokens.logprobs", `has ${logprobs.length} entries for ${ids.length} token ids`);
  return { kind: "tokens", firstIndex, ids, texts: wire.texts, logprobs };
}
