import { type Baseline, lowest } from "./baseline.ts";

/**
 * Bound at arrival to the machine with the fewest requests among those that the model fits; when it is not loaded there it
 * is, as Ollama does it (sections 5.4 and 5.5). Among equals goes first who has it.
 */
export const loadIfAbsent: Baseline = {
  name: "load-if-absent",
  binds: "arrival",
  places: "on-demand",
  start: (random) => ({
    choose: (_request, replicas) =>
      lowest(replicas, ({ onMachine, isAbsent }) => onMachine + (isAbsent ? 0.5 : 0), random),
  }),
};
