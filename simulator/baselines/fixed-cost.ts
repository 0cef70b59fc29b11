import type { Baseline } from "./baseline.ts";
import { centralCost } from "./central-cost.ts";

/** The study's scheduler on machines that keep the model that they were given once (section 5.4). */
export const fixedCost: Baseline = { ...centralCost, name: "fixed-cost", places: "fixed" };
