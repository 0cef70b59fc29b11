// Which models stand on which machines before the first request.
import type { Places } from "../baselines/baseline.ts";
import { fittingModels, type PoolModel, type PoolParts } from "./pool.ts";

/** The models of each machine, in the order of the machines. */
export function initialModels(places: Places, parts: PoolParts): PoolModel[][] {
  const { machines, models, fixed } = parts;
  const filled = machines.map((machine) => fittingModels(machine, models));
  const isComplete = models.every((model) => filled.some((held) => held.includes(model)));
  if (places === "filled" && isComplete) return filled;
  const seen = new Set<string>();
  return filled.map((fitting, machine) => {
    const given = fixed === null ? fitting : models.filter(({ name }) => name === fixed[machine]);
    if (places !== "single") return given;
    const first = given.filter(({ name }) => !seen.has(name));
    for (const { name } of first) seen.add(name);
    return first;
  });
}
