// Loaded into a process before the program itself (`node --import`): it says what it holds, without what is only not
// collected yet. The resident memory of a process that V8 has given no reason to collect grows by tens of megabytes.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What the test asks, and what it is told. */
export type MemoryQuestion = { readonly asks: "heldBytes" };
export type MemoryAnswer = { readonly heldBytes: number };

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

process.on("message", (message: Partial<MemoryQuestion>) => {
  if (message.asks !== "heldBytes") return;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  const answer: MemoryAnswer = { heldBytes: heapUsed + external };
  process.send?.(answer);
});
