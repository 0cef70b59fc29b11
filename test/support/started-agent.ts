// A node-agent in this process, with the real engine in processes of its own unless another one is named.
import { join } from "node:path";
import type { Engine } from "@pomona/node-agent/engine/engine";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { NodeMetrics } from "@pomona/node-agent/metrics";
import { MemoryCorrections } from "@pomona/node-agent/model-store/memory-corrections";
import { SpeedProfiles } from "@pomona/node-agent/model-store/speed-profiles";
import { NodeAgent } from "@pomona/node-agent/node-agent";
import { systemClock } from "@pomona/shared/runtime/clock";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { openStore } from "./model-store.ts";

/** Its files go into `directory`. */
export function startAgent(
  directory: string,
  budgetBytes = 4e9,
  engine: Engine = createLlamaEngine({ log: createSilentLogger() }),
): NodeAgent {
  const log = createSilentLogger();
  return new NodeAgent({
    nodeId: "0".repeat(32),
    incarnation: 1,
    machine: { memoryBytes: 8e9, chip: "test", gpu: "cpu", cpuCores: 2 },
    budgetBytes,
    budgetWith: null,
    ownerMode: null,
    threads: 2,
    modelsDirectory: join(directory, "models"),
    ...openStore(directory),
    speeds: new SpeedProfiles(join(directory, "profiles")),
    corrections: new MemoryCorrections(join(directory, "profiles")),
    states: { directory: join(directory, "kv"), diskBytes: 0, diskWriteBytesPerDay: 0 },
    engine,
    hostname: "test",
    clock: systemClock,
    log,
    metrics: new NodeMetrics(),
  });
}
