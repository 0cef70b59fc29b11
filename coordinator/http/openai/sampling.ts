// How tokens are drawn, as OpenAI's APIs ask for it.
import { defaultSampling } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { GenerationRequest } from "../../core/generation-request.ts";
import { fewFields } from "../requests/field.ts";
import { seed, seedFrom0 } from "../requests/seed.ts";

const biasedTokensMax = 1024;

/** Counted before it is looked into, so that a body full of faults costs little. */
const logitBias = fewFields(biasedTokensMax, "tokens").pipe(
  z.record(
    z.string().regex(/^(0|[1-9]\d{0,8})$/, { error: "must be a token id: a whole number" }),
    z.number().min(-100).max(100),
  ),
);

export const samplingFields = {
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: seed.nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: logitBias.nullish(),
  // What OpenAI's API does not know and other servers of open models do.
  // -1 is all of them, as 0 is.
  top_k: z.number().int().min(-1).max(1_000_000).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().min(0.1).max(10).nullish(),
};

type SamplingFields = z.output<ReturnType<typeof samplingSchema>>;
function samplingSchema() {
  return z.object(samplingFields);
}

export function samplingOf(body: SamplingFields): GenerationRequest["sampling"] {
  const bias = Object.entries(body.logit_bias ?? {});
  return {
    ...defaultSampling,
    // OpenAI's default: a request that does not set it is sampled.
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    topK: Math.max(0, body.top_k ?? 0),
    minP: body.min_p ?? 0,
    seed: body.seed == null ? null : seedFrom0(body.seed),
    repeatPenalty: body.repetition_penalty ?? 1,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    logitBias: bias.map(([id, value]) => ({ tokenId: Number(id), bias: value })),
  };
}
