// Azure's LLM inference traces of 2023 (Azure/AzurePublicDataset, CC-BY 4.0; Splitwise, ISCA'24): times and lengths.
import { blockTokens } from "../engine/prefix.ts";
import type { TraceRow } from "./trace-row.ts";

export type AzureName = "azure-conversation" | "azure-code";

/** `2023-11-16 18:15:46.6805900,374,44` */
const line = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{1,7}),(\d+),(\d+)$/;

/** Azure's lengths fit into a context of 8,192 as they are, but for a few. */
const promptTokensMax = 7000;

/** The requests by time. Nothing is known of their texts: no two share a block, and each is a conversation of its own. */
export function parseAzure(text: string): TraceRow[] {
  const rows: TraceRow[] = [];
  let firstMs: number | null = null;
  let nextBlock = 0;
  for (const [index, words] of text.split(/\r?\n/).entries()) {
    if (words === "" || index === 0) continue;
    const [, day = "", clock = "", context = "", generated = ""] = line.exec(words) ?? [];
    if (day === "") throw new Error(`line ${index + 1} of the trace is no request of Azure's format`);
    const ms = Date.parse(`${day}T${clock.slice(0, 12)}Z`);
    firstMs ??= ms;
    const promptTokens = Math.max(1, Number(context));
    if (promptTokens > promptTokensMax) continue;
    const blocks = Array.from({ length: Math.floor(promptTokens / blockTokens) }, (_, offset) => nextBlock + offset);
    nextBlock += blocks.length;
    rows.push({
      atMs: ms - firstMs,
      promptTokens,
      outputTokens: Math.max(1, Number(generated)),
      blocks,
      session: index,
    });
  }
  return rows;
}
