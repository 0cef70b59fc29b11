import type { Row } from "./row.ts";
import { clientRows } from "./rows/clients.ts";
import { engineRows } from "./rows/engines.ts";
import { nodeRows } from "./rows/nodes.ts";
import { plannedRows } from "./rows/planned.ts";

/** All rows of the table, in its order. */
export const rows: readonly Row[] = [...nodeRows, ...engineRows, ...plannedRows, ...clientRows].sort(
  (a, b) => a.number - b.number,
);
