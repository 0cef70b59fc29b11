// Prompts whose answers are known token by token, without asking anybody.
import { predictSimulated } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { predictKeyed } from "@pomona/shared/core/gguf/keyed-model";

export type EngineName = "simulated" | "llama";

/** A prompt with this character makes the engine of `agent-preload` die. */
export const poisonMark = "#";
export const poisonTokenId = poisonMark.charCodeAt(0);

/** Another prompt for each number of a run: no two streams of a pool may have the same one. */
export function promptOf(run: string, index: number): string {
  const digit = index % 10;
  const letter = String.fromCharCode(97 + (Math.floor(index / 10) % 26));
  return `${run.replaceAll(/[0-9#]/g, "x")} stream ${letter.repeat(1 + Math.floor(index / 260))} ${digit}${letter}`;
}

/** The simulated engine answers by the bytes of the prompt, the keyed model by its digit and its last letter. */
export function expectedText(engine: EngineName, prompt: string, tokens: number): string {
  return engine === "simulated"
    ? predictSimulated([...new TextEncoder().encode(prompt)], tokens)
    : predictKeyed(prompt, tokens);
}
