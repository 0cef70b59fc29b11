// Agents: a few long system prompts, each shared by many short conversations (scheduling study, section 8).
import { fluidCapacity, type MachineProfile } from "../engine/machine-profile.ts";
import { blockTokens } from "../engine/prefix.ts";
import { type Random, seededRandom } from "../random.ts";
import { meanOf, onlyModel, onlyTenant, type WorkloadRequest } from "./sample.ts";

const agents = 6;
const systemBlocks = 47;
/** Ids of the blocks of one agent, or of one conversation; more than either has. */
const idsOfOne = 1000;

export type AgentOptions = {
  readonly machines: readonly MachineProfile[];
  /** Share of what the machines can serve when nothing is reused. */
  readonly load: number;
  readonly count: number;
  readonly seed: number;
};

/** Conversations of 1 to 5 turns that begin at any time, 5 to 60 s between two turns. */
export function agentRequests({ machines, load, count, seed }: AgentOptions): WorkloadRequest[] {
  const random = seededRandom(seed);
  const conversations: WorkloadRequest[][] = [];
  for (let left = count; left > 0; left -= conversations.at(-1)?.length ?? 1)
    conversations.push(conversation(conversations.length, random).slice(0, left));
  const spanMs = (1000 * count) / (load * fluidCapacity(machines, meanOf(conversations.flat())));
  return conversations
    .flatMap((turns) => {
      const startMs = random.between(0, spanMs);
      return turns.map((request) => ({ ...request, atMs: startMs + request.atMs }));
    })
    .sort((a, b) => a.atMs - b.atMs);
}

/** Its turns, with times from its beginning. */
function conversation(session: number, random: Random): WorkloadRequest[] {
  const agent = random.integer(1, agents);
  const blocks = idsFrom(agent * idsOfOne, systemBlocks);
  const ownId = (agents + 1 + session) * idsOfOne;
  let promptTokens = systemBlocks * blockTokens;
  let atMs = 0;
  return Array.from({ length: random.integer(1, 5) }, () => {
    promptTokens += random.integer(40, 300);
    const own = Math.floor(promptTokens / blockTokens) - systemBlocks;
    const request = {
      atMs,
      model: onlyModel,
      tenant: onlyTenant,
      conversation: session,
      promptTokens,
      outputTokens: random.integer(40, 300),
      blocks: [...blocks, ...idsFrom(ownId, own)],
    };
    atMs += random.between(5000, 60_000);
    return request;
  });
}

function idsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, offset) => first + offset);
}
