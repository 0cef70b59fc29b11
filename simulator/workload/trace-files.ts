// biome-ignore-all lint/style/noRestrictedImports: the traces are the one input that a simulation reads
// Files of public traces, as they come: gzipped JSON lines of Mooncake, gzipped CSV of Azure.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type AzureName, parseAzure } from "./azure-trace.ts";
import { type MooncakeName, parseMooncake } from "./mooncake-trace.ts";
import type { TraceRow } from "./trace-row.ts";

/** Traces that there are readers for. */
export type TraceName = MooncakeName | AzureName;

const fileNames: Readonly<Record<TraceName, string>> = {
  conversation: "mooncake_fast25_conversation.jsonl.gz",
  synthetic: "mooncake_fast25_synthetic.jsonl.gz",
  "azure-conversation": "azure_llm_2023_conv.csv.gz",
  "azure-code": "azure_llm_2023_code.csv.gz",
};

/** Whether a folder holds a trace. */
export function hasTrace(directory: string, name: TraceName): boolean {
  return existsSync(join(directory, fileNames[name]));
}

/** Reads a trace with the scaling of its README; throws when the file cannot be read or is none. */
export function readTrace(directory: string, name: TraceName): TraceRow[] {
  const text = gunzipSync(readFileSync(join(directory, fileNames[name]))).toString("utf8");
  return name === "conversation" || name === "synthetic" ? parseMooncake(text) : parseAzure(text);
}
