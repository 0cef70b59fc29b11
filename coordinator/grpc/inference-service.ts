// The Inference service: clients that speak gRPC.

import type { InferenceHandlers } from "@pomona/proto/generated/pomona/v1/Inference";
import type { InferenceGenerateRequest__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateRequest";
import type { InferenceGenerateResponse } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import type { LoadingOutlook as LoadingOutlookWire } from "@pomona/proto/generated/pomona/v1/LoadingOutlook";
import type { ModelSummary as ModelSummaryWire } from "@pomona/proto/generated/pomona/v1/ModelSummary";
import { pomona } from "@pomona/proto/load";
import { type LoadingOutlook, PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import type { GrpcService } from "@pomona/shared/grpc/server";
import { endingToWire, samplingFromWire } from "@pomona/shared/grpc/wire";
import { checkHexId, checkModelName, checkText } from "@pomona/shared/grpc/wire-checks";
import { generateInputFromWire, tokenizeInputFromWire } from "@pomona/shared/grpc/wire-prompt";
import { promptLogprobsToWire } from "@pomona/shared/grpc/wire-prompt-logprobs";
import { parseIdempotencyKey, parsePriority, tenantOf } from "../caller.ts";
import {
  type Caller,
  countOf,
  type GenerationEvent,
  type GenerationRequest,
  type ModelSummary,
} from "../core/generation-request.ts";
import type { Gateway, Generation } from "../gateway.ts";
import { outputFromWire, outputToWire } from "./wire-output.ts";
import { embeddingsToWire, embedRequestFromWire, rankRequestFromWire, relevanceToWire } from "./wire-pooled.ts";

const stopMax = 16;
/** Characters of one stop string, as over HTTP. */
const stopLengthMax = 1024;
/** In the metadata of a call: sent again with the same key, a request attaches to the one that runs. */
const idempotencyKeyName = "idempotency-key";

/** Translates `pomona.v1.Inference` to the gateway. */
export function inferenceService(gateway: Gateway): GrpcService {
  const implementation: InferenceHandlers = {
    Generate: streamHandler(async (wire, stream) => {
      const request = generationRequest(wire);
      let generation: Generation;
      try {
        const caller = callerOf({ ...wire, peer: stream.peer, signal: stream.signal });
        const onLoading = (outlook: LoadingOutlook): void =>
          void stream.send({ frame: "loading", loading: loadingToWire(outlook) }).catch(() => undefined);
        const idempotencyKey = parseIdempotencyKey(stream.metadata(idempotencyKeyName), idempotencyKeyName);
        generation = await gateway.generate(request, { ...caller, onLoading, idempotencyKey, isStreamed: true });
      } catch (thrown) {
        gateway.countRefusal("grpc", request.model, toPomonaError(thrown));
        throw thrown;
      }
      for await (const event of generation.events)
        for (const response of toWire(generation, event)) await stream.send(response);
    }),
    Attach: streamHandler(async ({ requestId, fromIndex }, stream) => {
      const generation = gateway.attach(requestId, fromIndex, stream.signal);
      for await (const event of generation.events)
        for (const response of toWire(generation, event)) await stream.send({ response });
    }),
    Cancel: unaryHandler(({ requestId, idempotencyKey }, { peer }) => {
      const tenant = tenantOf(parseHostAndPort(peer).host);
      gateway.cancel(requestId === "" ? { tenant, idempotencyKey } : checkHexId("request_id", requestId));
      return {};
    }),
    Tokenize: unaryHandler(async (wire, { signal }) => {
      const model = checkModelName("model", wire.model);
      const prompt = await gateway.tokenize(model, tokenizeInputFromWire(wire), signal);
      if (prompt.tokensLeftOut > 0)
        throw new PomonaError(
          "context_length_exceeded",
          `the prompt has ${countOf(prompt)} tokens, which is more than the context of ${model}`,
          { field: "prompt" },
        );
      return { tokenIds: [...prompt.tokenIds] };
    }),
    Embed: unaryHandler(async (wire, { signal, peer }) => {
      const answer = await gateway.embed(embedRequestFromWire(wire), callerOf({ ...wire, peer, signal }));
      return embeddingsToWire(answer);
    }),
    Rerank: unaryHandler(async (wire, { signal, peer }) => {
      const answer = await gateway.rank(rankRequestFromWire(wire), callerOf({ ...wire, peer, signal }));
      return relevanceToWire(answer, wire.topN);
    }),
    ListModels: unaryHandler(() => ({ models: gateway.models().map(modelToWire) })),
  };
  return { definition: pomona.Inference.service, implementation };
}

type AskedBy = { readonly peer: string; readonly priority: string; readonly signal: AbortSignal };

function callerOf({ peer, priority, signal }: AskedBy): Caller {
  return { tenant: tenantOf(parseHostAndPort(peer).host), priority: parsePriority(priority, "priority"), signal };
}

export function modelToWire(model: ModelSummary): ModelSummaryWire {
  const { name, state, reason, contextLength, readyReplicas, createdAtMs, loading, survivesNodeLoss } = model;
  return {
    name,
    state,
    reason,
    contextLength,
    readyReplicas,
    createdAtMs,
    loading: loading === null ? null : loadingToWire(loading),
    survivesNodeLoss,
  };
}

function loadingToWire({ state, percent, readyInMs }: LoadingOutlook): LoadingOutlookWire {
  return { state, percent, ...(readyInMs === null ? {} : { readyInMs }) };
}

function generationRequest(wire: InferenceGenerateRequest__Output): GenerationRequest {
  if (wire.stop.length > stopMax) {
    throw new PomonaError("invalid_request", `stop holds ${wire.stop.length} texts; ${stopMax} at most`, {
      field: "stop",
    });
  }
  const sampling = samplingFromWire(wire.sampling);
  return {
    api: "grpc",
    model: checkModelName("model", wire.model),
    input: generateInputFromWire(wire),
    sampling: { ...sampling, seed: wire.hasSeed ? sampling.seed : null },
    maxTokens: wire.maxTokens === 0 ? null : wire.maxTokens,
    stop: wire.stop.map((text, index) => checkText(`stop[${index}]`, text, stopLengthMax)),
    output: outputFromWire(wire.output),
    timeoutMs: wire.timeoutMs === 0 ? null : wire.timeoutMs,
  };
}

function toWire({ requestId }: Generation, event: GenerationEvent): readonly InferenceGenerateResponse[] {
  switch (event.kind) {
    case "bound": {
      const { nodeId, epoch, queueMs, seed, isExact } = event;
      return [{ frame: "bound", bound: { requestId, nodeId, epoch, queueMs, seed, isInexact: !isExact } }];
    }
    case "waiting": {
      const { length, position, expectedWaitMs } = event;
      return [{ frame: "waiting", waiting: { length, position, expectedWaitMs } }];
    }
    case "progress": {
      const { evaluatedTokens, totalTokens } = event;
      return [{ frame: "progress", progress: { evaluatedTokens, totalTokens } }];
    }
    case "prompt":
      return [{ frame: "promptLogprobs", promptLogprobs: promptLogprobsToWire(event.logprobs) }];
    case "output":
      return outputToWire(requestId, event);
    case "ending":
      return [{ frame: "ending", ending: endingToWire(event.ending) }];
  }
}
