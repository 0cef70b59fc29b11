import type { Baseline } from "./baseline.ts";
import { leastConnections } from "./least-connections.ts";

/** One replica of each model, as someone who gives every model a machine does it (section 5.4). */
export const singleReplica: Baseline = { ...leastConnections, name: "single-replica", places: "single" };
