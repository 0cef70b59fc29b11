// `options` of Ollama's requests: how the answer is drawn, and what only says how Ollama would load the model.
import { defaultSampling, penaltyLastTokensMax } from "@pomona/shared/core/generation";
import { z } from "zod";
import type { GenerationRequest } from "../../core/generation-request.ts";
import { type FieldPath, invalid, only, parseAt } from "../requests/field.ts";
import { seedFrom0, seed as wideSeed } from "../requests/seed.ts";
import { parseStop } from "../requests/stop-strings.ts";

const whole = z.number().int();
const flag = z.boolean().nullish();
/** Where and how a model is loaded is the pool's choice, and changes no answer. */
const loadHint = whole.nullish();

const temperature = z.number().min(0).max(10).nullish();
const topP = z.number().min(0).max(1).nullish();
const tokensMax = 2 ** 31;

/** What some clients of chats put beside the options, where Ollama itself would not look. */
export const besideOptions = {
  temperature,
  top_p: topP,
  max_output_tokens: whole.min(1).max(tokensMax).nullish(),
};

export type BesideOptions = {
  readonly temperature?: number | null | undefined;
  readonly top_p?: number | null | undefined;
  readonly max_output_tokens?: number | null | undefined;
};

const optionsSchema = z.strictObject({
  num_predict: whole.min(-2).max(tokensMax).nullish(),
  num_ctx: whole
    .min(1)
    .max(2 ** 31)
    .nullish(),
  temperature,
  top_k: whole.min(-1).max(1_000_000).nullish(),
  top_p: topP,
  min_p: z.number().min(0).max(1).nullish(),
  seed: wideSeed.min(-1).nullish(),
  stop: z.unknown().optional(),
  repeat_penalty: z.number().min(0.1).max(10).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repeat_last_n: whole.min(-1).max(penaltyLastTokensMax).nullish(),
  typical_p: z.number().positive().max(1).nullish(),
  tfs_z: only(1),
  mirostat: only(0),
  mirostat_tau: z.number().nullish(),
  mirostat_eta: z.number().nullish(),
  penalize_newline: only(true),
  vocab_only: only(false),
  embedding_only: only(false),
  logits_all: flag,
  num_keep: loadHint,
  num_batch: loadHint,
  num_gpu: loadHint,
  main_gpu: loadHint,
  num_thread: loadHint,
  draft_num_predict: loadHint,
  numa: flag,
  low_vram: flag,
  f16_kv: flag,
  use_mmap: flag,
  use_mlock: flag,
});

export type GenerationOptions = Pick<GenerationRequest, "sampling" | "maxTokens" | "stop">;

const path: FieldPath = ["options"];

/**
 * Left out, they are what stands beside them, or Ollama's own. `contextLength` is that of the model, 0 while unknown.
 * @throws PomonaError `invalid_request` that names the field.
 */
export function parseOptions(
  value: unknown,
  contextLength: () => number,
  beside: BesideOptions = {},
): GenerationOptions {
  const options = parseAt(optionsSchema, value ?? {}, path);
  if (options.num_ctx != null) checkContext(options.num_ctx, contextLength());
  const tokens = options.num_predict ?? beside.max_output_tokens ?? -1;
  const seed = options.seed ?? -1;
  return {
    // Ollama's words for no limit.
    maxTokens: tokens <= 0 ? null : tokens,
    stop: parseStop(options.stop, [...path, "stop"]),
    sampling: {
      ...defaultSampling,
      temperature: options.temperature ?? beside.temperature ?? 0.8,
      topK: Math.max(0, options.top_k ?? 40),
      topP: options.top_p ?? beside.top_p ?? 0.9,
      minP: options.min_p ?? 0,
      typicalP: options.typical_p ?? 1,
      seed: seed < 0 ? null : seedFrom0(seed),
      ...penaltiesOf(options),
    },
  };
}

type Penalties = Pick<
  GenerationOptions["sampling"],
  "repeatPenalty" | "presencePenalty" | "frequencyPenalty" | "penaltyLastTokens"
>;

/** Over no tokens there are none. */
function penaltiesOf(options: z.output<typeof optionsSchema>): Penalties {
  const { repeatPenalty, presencePenalty, frequencyPenalty, penaltyLastTokens } = defaultSampling;
  const window = options.repeat_last_n ?? penaltyLastTokens;
  if (window === 0) return { repeatPenalty, presencePenalty, frequencyPenalty, penaltyLastTokens };
  return {
    repeatPenalty: options.repeat_penalty ?? repeatPenalty,
    presencePenalty: options.presence_penalty ?? presencePenalty,
    frequencyPenalty: options.frequency_penalty ?? frequencyPenalty,
    // Ollama's word for all of them.
    penaltyLastTokens: window < 0 ? penaltyLastTokensMax : window,
  };
}

function checkContext(wanted: number, contextLength: number): void {
  if (contextLength === 0 || wanted <= contextLength) return;
  const fix = "leave it out, or raise it with: pomona models add --context";
  throw invalid([...path, "num_ctx"], `is ${wanted}: the context of the model is ${contextLength} tokens here: ${fix}`);
}
