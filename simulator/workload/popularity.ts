// Which model a conversation is held with, while tastes change.
import type { Random } from "../random.ts";
import type { WorkloadRequest } from "./sample.ts";

export type Popularity = {
  /** Models, in the order of the shares. */
  readonly names: readonly string[];
  /** Shares of the models, which sum up to 1; one row after the other, again and again. */
  readonly popularity: readonly (readonly number[])[];
  /** How long a row holds. */
  readonly shiftMs: number;
  readonly random: Random;
};

/** Draws a model for each conversation when it begins; its turns stay with it. Requests come in the order of time. */
export function withModels(requests: readonly WorkloadRequest[], options: Popularity): WorkloadRequest[] {
  const { names, popularity, shiftMs, random } = options;
  const drawn = new Map<number, string>();
  return requests.map((request) => {
    const { conversation, atMs } = request;
    const shares = popularity[Math.floor(atMs / shiftMs) % popularity.length] ?? [];
    const model = drawn.get(conversation) ?? draw(names, shares, random.next());
    drawn.set(conversation, model);
    return { ...request, model };
  });
}

function draw(names: readonly string[], shares: readonly number[], share: number): string {
  let sum = 0;
  for (const [index, name] of names.entries()) {
    sum += shares[index] ?? 0;
    if (share < sum) return name;
  }
  return names.at(-1) ?? "";
}
