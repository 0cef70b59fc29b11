import { seededRandom } from "../random.ts";
import { generateTrace } from "./generator.ts";
import { readTrace, type TraceName } from "./trace-files.ts";
import type { TraceRow } from "./trace-row.ts";

/** Where the rows of a trace come from: the folder of the public ones, or the generator. */
export type TraceSource = {
  readonly kind: "public" | "generated";
  readonly rows: (name: TraceName, seed: number) => readonly TraceRow[];
};

/** Traces of a folder, each read once; without a folder they are generated, another one for each seed. */
export function openTraces(directory: string | null): TraceSource {
  if (directory === null)
    return { kind: "generated", rows: (name, seed) => generateTrace(name, seededRandom(seed + 3_000_000)) };
  const known = new Map<TraceName, readonly TraceRow[]>();
  return {
    kind: "public",
    rows: (name) => {
      const rows = known.get(name) ?? readTrace(directory, name);
      known.set(name, rows);
      return rows;
    },
  };
}
