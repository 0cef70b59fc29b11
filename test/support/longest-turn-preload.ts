// Loaded into a process before the program itself (`node --import`): it says how long the longest turn of its event loop was.
import { readFileSync } from "node:fs";

/** What the test asks, and what it is told: since it was asked last. */
export type TurnQuestion = { readonly asks: "longestTurn" };
export type TurnAnswer = { readonly longestTurnMs: number };

const everyMs = 2;

/** Of the main thread alone, where the system tells it, so that what else the machine does counts for nothing. */
function busyMs(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ")[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

let beganAtMs = busyMs();
let longestTurnMs = 0;

setInterval(() => {
  const now = busyMs();
  longestTurnMs = Math.max(longestTurnMs, now - beganAtMs);
  beganAtMs = now;
}, everyMs).unref();

process.on("message", ({ asks }: Partial<TurnQuestion>) => {
  if (asks !== "longestTurn") return;
  const answer: TurnAnswer = { longestTurnMs };
  longestTurnMs = 0;
  process.send?.(answer);
});
