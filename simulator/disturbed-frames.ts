import type { AttemptFrame } from "@pomona/shared/core/generation";
import type { StreamEvents } from "./simulated-calls.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** Planned faults change what a node sends. */
export function sendDisturbed(
  { surroundings: { planned, onFault, time, random } }: SimulatedNode,
  frame: AttemptFrame,
  to: { readonly sendFrame: StreamEvents["onFrame"]; readonly onLate: StreamEvents["onLateFrame"] },
): void {
  const strikes = (kind: "alienFrames" | "duplicateFrames" | "lateFrames"): boolean => {
    if (frame.kind !== "tokens" || planned[kind] === 0) return false;
    planned[kind] -= 1;
    onFault(kind);
    return true;
  };
  if (strikes("lateFrames")) {
    time.after(random.between(100, 2000), () => to.onLate(frame));
    return;
  }
  to.sendFrame(frame, strikes("alienFrames"));
  if (strikes("duplicateFrames")) to.sendFrame(frame, false);
}
