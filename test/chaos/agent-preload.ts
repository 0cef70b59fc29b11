// Loaded into a node-agent before the program itself (`node --import`): makes the simulated engine as slow as a test
// wants, lets the agent announce the address of a proxy, and does faults that only the process itself can do.
import { SimulatedReplica } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { NodeAgent } from "@pomona/node-agent/node-agent";
import { poisonTokenId } from "./prompts.ts";

/** What the test tells an agent over the channel that it was started with. */
export type AgentFault = { readonly blockMs: number };

const stepMs = Number(process.env["CHAOS_STEP_MS"] ?? 20);
const advertised = process.env["CHAOS_ADVERTISE"];

const generate = SimulatedReplica.prototype.generate;
SimulatedReplica.prototype.generate = function (this: SimulatedReplica, attempt, onFrame) {
  // The engine's own step cannot be set from outside: the timer that it starts in here gets another period.
  const { setInterval } = globalThis;
  globalThis.setInterval = ((step: () => void) => setInterval(step, stepMs)) as typeof setInterval;
  try {
    generate.call(this, attempt, onFrame);
  } finally {
    globalThis.setInterval = setInterval;
  }
  if (attempt.promptTokenIds.includes(poisonTokenId)) setImmediate(() => this.crash());
};

const status = NodeAgent.prototype.status;
NodeAgent.prototype.status = function (this: NodeAgent) {
  const told = status.call(this);
  return advertised === undefined ? told : { ...told, grpcAddress: advertised };
};

process.on("message", ({ blockMs }: AgentFault) => {
  const until = performance.now() + blockMs;
  while (performance.now() < until);
});
