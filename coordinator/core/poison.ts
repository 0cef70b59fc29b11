// Prompts that killed engines are not tried on the next ones.

import type { GenerationFailure } from "@pomona/shared/core/generation";
import { textHash } from "@pomona/shared/core/text-hash";
import type { StepContext } from "./state.ts";

type Prompt = { readonly model: string; readonly promptTokenIds: readonly number[] };

/** The oldest go first beyond so many. */
const promptsMax = 256;

export function notePoison({ state, nowMs, config }: StepContext, prompt: Prompt): void {
  const hash = hashOf(prompt);
  state.poison.delete(hash);
  state.poison.set(hash, nowMs + config.poisonMs);
  for (const oldest of state.poison.keys()) {
    if (state.poison.size <= promptsMax) break;
    state.poison.delete(oldest);
  }
}

/** Why a prompt is not tried again; null for one that nothing is known against. */
export function refusePoison({ state, nowMs }: StepContext, prompt: Prompt): GenerationFailure | null {
  if (state.poison.size === 0) return null;
  const untilMs = state.poison.get(hashOf(prompt)) ?? 0;
  if (nowMs >= untilMs) return null;
  const minutes = Math.ceil((untilMs - nowMs) / 60_000);
  const message = `this prompt ended the engines of ${prompt.model} a moment ago and is not tried for ${minutes} min: change it, or look at the nodes' logs`;
  return { code: "engine_crashed", message, isRetryable: false };
}

function hashOf({ model, promptTokenIds }: Prompt): number {
  return textHash(`${model} ${promptTokenIds.join()}`);
}
