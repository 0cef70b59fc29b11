import type { Row } from "./row.ts";
import { clientRows } from "./rows/clients.ts";
import { coordinatorRows } from "./rows/coordinator.ts";
import { engineRows } from "./rows/engines.ts";
import { environmentRows } from "./rows/environment.ts";
import { flakyNodeRows } from "./rows/flaky-nodes.ts";
import { linkRows } from "./rows/links.ts";
import { networkRows } from "./rows/networks.ts";
import { nodeRows } from "./rows/nodes.ts";
import { plannedRows } from "./rows/planned.ts";

/** All rows of the table, in its order. */
export const rows: readonly Row[] = [
  ...nodeRows,
  ...engineRows,
  ...plannedRows,
  ...clientRows,
  ...flakyNodeRows,
  ...linkRows,
  ...coordinatorRows,
  ...environmentRows,
  ...networkRows,
].sort((a, b) => a.number - b.number);
